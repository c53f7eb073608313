// Matrix products: y = x W^T from packed panels, and dW += dy^T x.

#include "gpu/cpu/table.hpp"
#include "gpu/cpu/tile.hpp"

namespace thespis::gpu::THESPIS_ISA {
namespace {

/// One tile of y. `columns` (at most the tile's) are stored; the panel is padded with zeros beyond
/// them.
template <int kRows>
void linear_tile(const LinearArgs& a, size_t row, const float* panel, uint32_t column,
                 uint32_t columns) {
  Tile<kRows, kTileVectors> tile;
  tile.clear();
  tile.multiply(a.x + row * a.x_stride, a.x_stride, 1, panel, kTileColumns, a.inputs);
  float* y = a.y + row * a.y_stride + column;
  const float* residual = a.residual == nullptr ? nullptr : a.residual + row * a.y_stride + column;
  if (columns == kTileColumns) {
#pragma GCC unroll 8
    for (int v = 0; v < kTileVectors; ++v) {
      const int c = v * kVecFloats;
      if (a.bias != nullptr) {
        const Vec bias = load(a.bias + column + c);
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) tile.at[i][v] = tile.at[i][v] + bias;
      }
      if (residual != nullptr) {
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i)
          tile.at[i][v] = tile.at[i][v] + load(residual + i * a.y_stride + c);
      }
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) store(y + i * a.y_stride + c, tile.at[i][v]);
    }
    return;
  }
  alignas(64) float edge[kRows][kTileColumns];
  for (int i = 0; i < kRows; ++i)
    for (int v = 0; v < kTileVectors; ++v) store(&edge[i][v * kVecFloats], tile.at[i][v]);
  for (int i = 0; i < kRows; ++i) {
    for (uint32_t c = 0; c < columns; ++c) {
      float value = edge[i][c];
      if (a.bias != nullptr) value = value + a.bias[column + c];
      if (residual != nullptr) value = value + residual[i * a.y_stride + c];
      y[i * a.y_stride + c] = value;
    }
  }
}

/// One tile of dW [outputs, inputs]: rows are outputs, columns inputs, k runs over the batch's
/// rows.
template <int kRows>
void weight_gradient_tile(const float* dy, size_t dy_stride, const float* x, size_t x_stride,
                          size_t count, float* dw, size_t dw_stride, uint32_t columns) {
  Tile<kRows, kTileVectors> tile;
  if (columns == kTileColumns) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < kTileVectors; ++v)
        tile.at[i][v] = load(dw + i * dw_stride + v * kVecFloats);
    tile.multiply(dy, 1, dy_stride, x, x_stride, count);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < kTileVectors; ++v)
        store(dw + i * dw_stride + v * kVecFloats, tile.at[i][v]);
    return;
  }
  for (size_t t = 0; t < count; ++t)
    for (int i = 0; i < kRows; ++i)
      for (uint32_t c = 0; c < columns; ++c)
        dw[i * dw_stride + c] =
            __builtin_fmaf(dy[t * dy_stride + i], x[t * x_stride + c], dw[i * dw_stride + c]);
}

}  // namespace

void pack(const PackArgs& a) {
  float* out = a.panels;
  for (uint32_t column = 0; column < a.outputs; column += kTileColumns) {
    const uint32_t columns = a.outputs - column < kTileColumns ? a.outputs - column : kTileColumns;
    for (uint32_t k = 0; k < a.inputs; ++k, out += kTileColumns) {
      if (a.transposed) {
        const float* in = a.weight + size_t{k} * a.outputs + column;
        for (uint32_t c = 0; c < columns; ++c) out[c] = in[c];
      } else {
        const float* in = a.weight + size_t{column} * a.inputs + k;
        for (uint32_t c = 0; c < columns; ++c) out[c] = in[size_t{c} * a.inputs];
      }
      for (uint32_t c = columns; c < kTileColumns; ++c) out[c] = 0.0f;
    }
  }
}

void linear(const LinearArgs& a) {
  const RowTiles tiles(a.rows);
  const float* panel = a.panels;
  for (uint32_t column = 0; column < a.outputs; column += kTileColumns) {
    const uint32_t columns = a.outputs - column < kTileColumns ? a.outputs - column : kTileColumns;
    for (size_t t = 0; t < tiles.count; ++t) {
      with_rows(tiles.size(t), [&](auto rows) {
        linear_tile<decltype(rows)::value>(a, tiles.first(t), panel, column, columns);
      });
    }
    panel += size_t{kTileColumns} * a.inputs;
  }
}

void weight_gradient(const WeightGradientArgs& a) {
  const RowTiles tiles(a.outputs);
  for (uint32_t column = 0; column < a.inputs; column += kTileColumns) {
    const uint32_t columns = a.inputs - column < kTileColumns ? a.inputs - column : kTileColumns;
    for (size_t t = 0; t < tiles.count; ++t) {
      const size_t first = tiles.first(t);
      with_rows(tiles.size(t), [&](auto rows) {
        weight_gradient_tile<decltype(rows)::value>(
            a.dy + first, a.dy_stride, a.x + column, a.x_stride, a.rows,
            a.dw + first * a.inputs + column, a.inputs, columns);
      });
    }
  }
  if (a.db == nullptr) return;
  for (size_t t = 0; t < a.rows; ++t) {
    const float* dy = a.dy + t * a.dy_stride;
    for (uint32_t n = 0; n < a.outputs; ++n) a.db[n] = a.db[n] + dy[n];
  }
}

}  // namespace thespis::gpu::THESPIS_ISA
