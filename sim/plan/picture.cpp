#include "sim/plan/picture.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace thespis::sim {
namespace {

constexpr double kWidth = 640, kHeight = 360, kLeft = 70, kRight = 60, kTop = 40, kBottom = 50;

double x_of(size_t i, size_t count) {
  const double inner = kWidth - kLeft - kRight;
  return kLeft + inner * (static_cast<double>(i) + 0.5) / static_cast<double>(count);
}

double y_of(double share) {
  return kHeight - kBottom - (kHeight - kTop - kBottom) * share;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  }
  return out;
}

std::string label(double x, double y, const char* anchor, const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     escaped(text));
}

}  // namespace

std::string sweep_svg(const std::string& title, const std::string& varied,
                      const std::vector<SweepPoint>& points) {
  double most = 0;
  for (const SweepPoint& p : points) most = std::max(most, p.steps_per_hour);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      kWidth, kHeight);
  svg += label(kWidth / 2, kTop / 2, "middle", title);
  svg += label(kWidth / 2, kHeight - 10, "middle", varied);
  constexpr int kLines = 4;
  for (int i = 0; i <= kLines; ++i) {
    const double share = static_cast<double>(i) / kLines, y = y_of(share);
    svg += fmt::format("<path d=\"M{} {:.1f}H{}\" stroke=\"#ddd\"/>\n", kLeft, y, kWidth - kRight);
    svg += label(kLeft - 6, y + 4, "end", fmt::format("{:.4g}", most * share));
    svg += label(kWidth - kRight + 6, y + 4, "start", fmt::format("{:.0f} %", 100 * share));
  }
  std::string line;
  const double bar = (kWidth - kLeft - kRight) / static_cast<double>(points.size()) * 0.6;
  for (size_t i = 0; i < points.size(); ++i) {
    const double x = x_of(i, points.size());
    const double y = y_of(most > 0 ? points[i].steps_per_hour / most : 0);
    svg += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"#4a90d9\"/>\n",
        x - bar / 2, y, bar, kHeight - kBottom - y);
    svg += label(x, kHeight - kBottom + 18, "middle", std::to_string(points[i].value));
    line += fmt::format("{}{:.1f} {:.1f}", i == 0 ? "M" : "L", x, y_of(points[i].idle_share));
  }
  svg +=
      fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"#c0392b\" stroke-width=\"2\"/>\n", line);
  svg += label(kLeft, kTop - 8, "start", "steps an hour (bars)");
  svg += label(kWidth - kRight, kTop - 8, "end", "learner idle (line)");
  return svg + "</svg>\n";
}

}  // namespace thespis::sim
