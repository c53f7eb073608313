#pragma once
// The decoder in float64 and plain loops, written from the papers and the Hugging Face definition
// of the weights; shares no code with the engine.

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "model/engine/model_config.hpp"

namespace thespis::test {

class ReferenceModel {
 public:
  ReferenceModel(const model::ModelConfig& config, std::vector<double> arena)
      : c_(config), layout_(model::WeightLayout::of(config)), arena_(std::move(arena)) {}

  std::vector<double>& arena() { return arena_; }

  struct Result {
    std::vector<double> logprobs, entropies;
  };
  /// Of each token of `tokens` from index `prompt_size` on.
  Result score(const std::vector<int32_t>& tokens, size_t prompt_size, double temperature) const {
    const auto hidden = final_hidden(tokens);
    const double* head = at(c_.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
    Result result;
    for (size_t p = prompt_size; p < tokens.size(); ++p) {
      std::vector<double> z = product(hidden[p - 1], head, c_.vocab_size);
      double sum = 0, greatest = -1e300, entropy = 0;
      for (double& v : z) greatest = std::max(greatest, v /= temperature);
      for (const double v : z) sum += std::exp(v - greatest);
      const double lse = greatest + std::log(sum);
      for (const double v : z) entropy -= std::exp(v - lse) * (v - lse);
      result.logprobs.push_back(z[static_cast<size_t>(tokens[p])] - lse);
      result.entropies.push_back(entropy);
    }
    return result;
  }

 private:
  using Row = std::vector<double>;

  const double* at(const std::string& name) const {
    return arena_.data() + layout_.at(name).offset;
  }
  static Row product(const Row& x, const double* w, size_t outputs) {
    Row y(outputs, 0.0);
    for (size_t n = 0; n < outputs; ++n)
      for (size_t k = 0; k < x.size(); ++k) y[n] += w[n * x.size() + k] * x[k];
    return y;
  }
  Row normalised(const Row& x, const double* weight) const {
    double squares = 0;
    for (const double v : x) squares += v * v;
    const double scale =
        1.0 / std::sqrt(squares / static_cast<double>(x.size()) + double{c_.rms_norm_eps});
    Row y(x.size());
    for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] * scale * weight[i];
    return y;
  }
  /// One projection of q, k or v: heads of head_dim, with bias and norm where the family has them.
  std::vector<Row> heads_of(const Row& x, const std::string& attention, const char* which,
                            size_t heads, size_t position) const {
    Row y = product(x, at(attention + which + "_proj.weight"), heads * c_.head_dim);
    if (c_.qkv_bias)
      for (size_t i = 0; i < y.size(); ++i) y[i] += at(attention + which + "_proj.bias")[i];
    std::vector<Row> out;
    for (size_t h = 0; h < heads; ++h) {
      Row head(y.begin() + static_cast<long>(h * c_.head_dim),
               y.begin() + static_cast<long>((h + 1) * c_.head_dim));
      if (*which != 'v') {
        if (c_.qk_norm) head = normalised(head, at(attention + which + "_norm.weight"));
        const size_t half = c_.head_dim / 2;
        for (size_t i = 0; i < half; ++i) {
          const double angle = static_cast<double>(position) * frequency(i);
          const double a = head[i] * attention_factor(), b = head[i + half] * attention_factor();
          head[i] = a * std::cos(angle) - b * std::sin(angle);
          head[i + half] = b * std::cos(angle) + a * std::sin(angle);
        }
      }
      out.push_back(head);
    }
    return out;
  }

  double attention_factor() const {
    const bool yarn = c_.rope_scaling.kind == model::RopeScaling::Kind::kYarn;
    return yarn ? c_.rope_scaling.attention_factor : 1;
  }
  /// Radians of pair `i` for each position: theta^(-2i/d), a share of it slowed by the factor.
  double frequency(size_t i) const {
    using Kind = model::RopeScaling::Kind;
    const model::RopeScaling& s = c_.rope_scaling;
    const double f = std::pow(c_.rope_theta, -2.0 * static_cast<double>(i) / c_.head_dim);
    if (s.kind == Kind::kNone) return f;
    constexpr double kTurn = 6.283185307179586;
    double slowed = 0;
    if (s.kind == Kind::kLlama3) {
      const double turns = s.original_context * f / kTurn;
      slowed = (s.high_freq_factor - turns) / (s.high_freq_factor - s.low_freq_factor);
    } else {
      const auto pair_with = [&](double turns) {
        return std::log(s.original_context / kTurn / turns) / std::log(c_.rope_theta) *
               c_.head_dim / 2;
      };
      const double low = std::max(0.0, std::floor(pair_with(s.beta_fast)));
      slowed = (static_cast<double>(i) - low) / (std::ceil(pair_with(s.beta_slow)) - low);
    }
    slowed = std::min(1.0, std::max(0.0, slowed));
    return f * (1 - slowed) + f / s.factor * slowed;
  }

  std::vector<Row> final_hidden(const std::vector<int32_t>& tokens) const {
    const size_t rows = tokens.size();
    std::vector<Row> x(rows);
    for (size_t t = 0; t < rows; ++t) {
      const double* row =
          at("model.embed_tokens.weight") + static_cast<size_t>(tokens[t]) * c_.hidden_size;
      x[t].assign(row, row + c_.hidden_size);
    }
    for (uint32_t layer = 0; layer < c_.layer_count; ++layer) {
      const std::string p = "model.layers." + std::to_string(layer) + ".";
      const std::string attention = p + "self_attn.";
      std::vector<std::vector<Row>> q, k, v;
      for (size_t t = 0; t < rows; ++t) {
        const Row n = normalised(x[t], at(p + "input_layernorm.weight"));
        q.push_back(heads_of(n, attention, "q", c_.head_count, t));
        k.push_back(heads_of(n, attention, "k", c_.kv_head_count, t));
        v.push_back(heads_of(n, attention, "v", c_.kv_head_count, t));
      }
      for (size_t t = 0; t < rows; ++t) {
        Row joined;
        for (size_t h = 0; h < c_.head_count; ++h) {
          const size_t g = h / (c_.head_count / c_.kv_head_count);
          Row weight(t + 1, 0.0), out(c_.head_dim, 0.0);
          double sum = 0;
          for (size_t j = 0; j <= t; ++j) {
            for (size_t d = 0; d < c_.head_dim; ++d) weight[j] += q[t][h][d] * k[j][g][d];
            weight[j] = std::exp(weight[j] / std::sqrt(static_cast<double>(c_.head_dim)));
            sum += weight[j];
          }
          for (size_t j = 0; j <= t; ++j)
            for (size_t d = 0; d < c_.head_dim; ++d) out[d] += weight[j] / sum * v[j][g][d];
          joined.insert(joined.end(), out.begin(), out.end());
        }
        add(x[t], product(joined, at(attention + "o_proj.weight"), c_.hidden_size));
        const Row n = normalised(x[t], at(p + "post_attention_layernorm.weight"));
        const Row gate = product(n, at(p + "mlp.gate_proj.weight"), c_.ffn_size);
        Row up = product(n, at(p + "mlp.up_proj.weight"), c_.ffn_size);
        for (size_t i = 0; i < up.size(); ++i) up[i] *= gate[i] / (1.0 + std::exp(-gate[i]));
        add(x[t], product(up, at(p + "mlp.down_proj.weight"), c_.hidden_size));
      }
    }
    for (Row& row : x) row = normalised(row, at("model.norm.weight"));
    return x;
  }
  static void add(Row& to, const Row& from) {
    for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
  }

  model::ModelConfig c_;
  model::WeightLayout layout_;
  std::vector<double> arena_;
};

}  // namespace thespis::test
