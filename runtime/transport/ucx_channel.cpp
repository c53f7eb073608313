#include "runtime/transport/ucx_channel.hpp"

#include <cstring>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::transport {
namespace {

constexpr unsigned kActiveMessageId = 1;

}  // namespace

struct UcxChannel::Sending {
  UcxChannel* channel = nullptr;
  FrameHeader header;
  wire::Frame frame;
};

struct UcxChannel::Receiving {
  UcxChannel* channel = nullptr;
  FrameHeader header;
  wire::Frame frame;
};

UcxChannel::UcxChannel(std::shared_ptr<UcxContext> context, std::shared_ptr<BufferPool> pool,
                       uint64_t token, Limits limits)
    : pool_(std::move(pool)),
      token_(token),
      limits_(limits),
      order_(limits.reordered_frames_max),
      worker_(std::make_unique<UcxWorker>(std::move(context))) {
  ucp_am_handler_param_t handler{};
  handler.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_CB |
                       UCP_AM_HANDLER_PARAM_FIELD_ARG;
  handler.id = kActiveMessageId;
  handler.cb = &UcxChannel::on_active_message;
  handler.arg = this;
  check(ucp_worker_set_am_recv_handler(worker_->get(), &handler), "set the receive handler");
}

// The worker goes first: after that nobody reads the buffers of unfinished sends.
UcxChannel::~UcxChannel() {
  worker_.reset();
}

void UcxChannel::connect(const std::string& address, uint64_t token) {
  THESPIS_ASSERT(endpoint_ == nullptr);
  peer_token_ = token;
  ucp_ep_params_t params{};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(address.data());
  params.err_mode = UCP_ERR_HANDLING_MODE_NONE;
  params.err_handler.cb = [](void* self, ucp_ep_h, ucs_status_t status) {
    static_cast<UcxChannel*>(self)->fail(std::string("its channel failed: ") +
                                         ucs_status_string(status));
  };
  params.err_handler.arg = this;
  check(ucp_ep_create(worker_->get(), &params, &endpoint_), "connect to the peer's worker");
  for (auto& [header, frame] : std::exchange(unconnected_, {})) send(header, std::move(frame));
}

void UcxChannel::fail(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
}

void UcxChannel::send(FrameHeader header, wire::Frame frame) {
  if (endpoint_ == nullptr) return unconnected_.push_back({header, std::move(frame)});
  if (free_sendings_.empty()) {
    sendings_.push_back(std::make_unique<Sending>());
    free_sendings_.push_back(sendings_.back().get());
  }
  Sending* sending = free_sendings_.back();
  free_sendings_.pop_back();
  sending->channel = this;
  sending->header = header;
  sending->header.token = peer_token_;
  sending->header.number = ++sent_count_;
  sending->frame = std::move(frame);
  ++sending_;
  if (!failure_.empty()) return finish_send(sending, UCS_OK);  // Nobody will read it.
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  param.cb.send = [](void* request, ucs_status_t status, void* user_data) {
    auto* done = static_cast<Sending*>(user_data);
    done->channel->finish_send(done, status);
    ucp_request_free(request);
  };
  param.user_data = sending;
  const uint64_t bytes = sending->frame.size_bytes();
  ucs_status_ptr_t result =
      ucp_am_send_nbx(endpoint_, kActiveMessageId, &sending->header, sizeof sending->header,
                      bytes == 0 ? nullptr : sending->frame.words, bytes, &param);
  if (!UCS_PTR_IS_PTR(result)) finish_send(sending, UCS_PTR_STATUS(result));
}

void UcxChannel::finish_send(Sending* sending, ucs_status_t status) {
  if (status != UCS_OK) fail(std::string("its channel failed: ") + ucs_status_string(status));
  sent_bytes_ += cost_bytes(sending->frame);
  sending->frame = {};
  --sending_;
  free_sendings_.push_back(sending);
}

bool UcxChannel::progress() {
  const uint64_t sent_bytes_before = sent_bytes_;
  return worker_->progress() != 0 || !received_.empty() || sent_bytes_ != sent_bytes_before;
}

ucs_status_t UcxChannel::on_active_message(void* self, const void* header, size_t header_bytes,
                                           void* data, size_t data_bytes,
                                           const ucp_am_recv_param_t* param) {
  auto* channel = static_cast<UcxChannel*>(self);
  FrameHeader copy;
  if (header_bytes == sizeof copy) std::memcpy(&copy, header, sizeof copy);
  if (header_bytes != sizeof copy || copy.token != channel->token_) {
    ++channel->dropped_count_;
    return UCS_OK;
  }
  return channel->receive(copy, data, data_bytes,
                          (param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) != 0);
}

ucs_status_t UcxChannel::receive(const FrameHeader& header, void* data, size_t data_bytes,
                                 bool rendezvous) {
  if (data_bytes > limits_.frame_bytes_max) {
    fail("it sent a message of " + std::to_string(data_bytes) + " bytes; the limit here is " +
         std::to_string(limits_.frame_bytes_max));
    return UCS_OK;
  }
  if (data_bytes % sizeof(capnp::word) != 0) {
    fail("it sent a frame of " + std::to_string(data_bytes) + " bytes: not whole 8-byte words");
    return UCS_OK;
  }
  wire::Frame frame;
  if (data_bytes > 0) {
    auto words = pool_->take(data_bytes / sizeof(capnp::word));
    frame.words = words.get();
    frame.word_count = data_bytes / sizeof(capnp::word);
    frame.owner = words;
    if (!rendezvous) std::memcpy(words.get(), data, data_bytes);
  }
  if (!rendezvous) {
    arrived(header, std::move(frame));
    return UCS_OK;
  }
  auto owner = std::make_unique<Receiving>(Receiving{this, header, std::move(frame)});
  Receiving* receiving = owner.get();
  receivings_.emplace(receiving, std::move(owner));
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  param.cb.recv_am = [](void* request, ucs_status_t status, size_t, void* user_data) {
    auto* done = static_cast<Receiving*>(user_data);
    done->channel->finish_receive(done, status);
    ucp_request_free(request);
  };
  param.user_data = receiving;
  // The buffer was made just above: nobody reads it yet.
  auto* into = const_cast<capnp::word*>(receiving->frame.words);
  ucs_status_ptr_t result = ucp_am_recv_data_nbx(worker_->get(), data, into, data_bytes, &param);
  if (!UCS_PTR_IS_PTR(result)) finish_receive(receiving, UCS_PTR_STATUS(result));
  return UCS_OK;
}

void UcxChannel::finish_receive(Receiving* receiving, ucs_status_t status) {
  const auto found = receivings_.find(receiving);
  THESPIS_ASSERT(found != receivings_.end());
  if (status == UCS_OK)
    arrived(receiving->header, std::move(receiving->frame));
  else
    fail(std::string("its channel failed: ") + ucs_status_string(status));
  receivings_.erase(found);
}

void UcxChannel::arrived(const FrameHeader& header, wire::Frame frame) {
  std::string wrong = order_.arrived({header, std::move(frame)}, received_);
  if (!wrong.empty()) fail(std::move(wrong));
}

}  // namespace thespis::transport
