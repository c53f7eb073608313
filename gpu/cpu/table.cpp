// The operation table of one variant.

#include "gpu/cpu/table.hpp"

#include "gpu/cpu/tile.hpp"

#define THESPIS_TEXT_OF(x) #x
#define THESPIS_TEXT(x) THESPIS_TEXT_OF(x)

namespace thespis::gpu::THESPIS_ISA {

extern const Ops kTable;
const Ops kTable = {
    .name = THESPIS_TEXT(THESPIS_ISA),
    .panel_width = kTileColumns,
    .pack = pack,
    .linear = linear,
    .weight_gradient = weight_gradient,
    .rms_norm = rms_norm,
    .rms_norm_backward = rms_norm_backward,
    .rope = rope,
    .store_kv = store_kv,
    .attend = attend,
    .attend_backward = attend_backward,
    .swiglu = swiglu,
    .swiglu_backward = swiglu_backward,
    .log_prob = log_prob,
    .log_prob_backward = log_prob_backward,
    .sample = sample,
    .gather_rows = gather_rows,
    .scatter_add_rows = scatter_add_rows,
    .sum_lanes = sum_lanes,
    .adamw = adamw,
};

}  // namespace thespis::gpu::THESPIS_ISA
