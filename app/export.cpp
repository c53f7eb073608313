// ./thespis export: a model directory as another one, or as a GGUF file for llama.cpp. Tensor by
// tensor: no model need fit into memory.

#include <cstdio>
#include <filesystem>
#include <memory>

#include "app/verbs.hpp"
#include "model/gguf/gguf_export.hpp"
#include "model/hf/hf_config.hpp"
#include "model/hf/hf_directory.hpp"
#include "model/hf/weight_files.hpp"
#include "runtime/base/error.hpp"

namespace thespis::app {
namespace {

namespace fs = std::filesystem;

void export_directory(const fs::path& dir, const fs::path& out, model::Dtype dtype,
                      uint64_t shard_bytes_max) {
  std::error_code ignored;  // A path that is not there is not the same.
  if (fs::equivalent(dir, out, ignored))
    throw InputError("--out is the model itself: " + out.string());
  const model::ModelConfig config = model::load_config(dir);
  model::require_runnable(config, (dir / model::kConfigFile).string());
  const auto files = std::make_shared<const model::WeightFiles>(model::WeightFiles::open(dir));
  files->require_fit(config);
  std::vector<model::TensorToWrite> tensors;
  for (const model::TensorSpec& spec : model::WeightLayout::of(config).tensors)
    tensors.push_back({spec.name, spec.shape(),
                       [files, name = spec.name, at = uint64_t{0}](std::span<float> next) mutable {
                         files->read(name, at, next);
                         at += next.size();
                       }});
  model::save_directory(out, config, model::load_companions(dir), std::move(tensors),
                        {.dtype = dtype, .shard_bytes_max = shard_bytes_max});
}

}  // namespace

int run_export(const ExportArguments& arguments) {
  using model::Dtype;
  using model::GgufType;
  const std::string& dtype = arguments.dtype;
  if (arguments.to == "gguf") {
    const GgufType type = dtype == "f16"    ? GgufType::kF16
                          : dtype == "bf16" ? GgufType::kBF16
                          : dtype == "q8_0" ? GgufType::kQ8_0
                                            : GgufType::kF32;
    model::export_gguf(arguments.model, arguments.out, type);
    return 0;
  }
  if (dtype == "q8_0") throw InputError("--dtype q8_0 is for --to gguf; hf takes f32, f16, bf16");
  export_directory(arguments.model, arguments.out,
                   dtype == "f16"    ? Dtype::kF16
                   : dtype == "bf16" ? Dtype::kBF16
                                     : Dtype::kF32,
                   arguments.shard_bytes_max);
  return 0;
}

}  // namespace thespis::app
