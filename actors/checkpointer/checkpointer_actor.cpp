#include "actors/checkpointer/checkpointer_actor.hpp"

#include <cstring>
#include <utility>

#include "runtime/base/error.hpp"

namespace thespis {
namespace {

constexpr const char* kWeights = "weights";
constexpr const char* kReference = "reference";
constexpr const char* kFirstMoment = "first_moment";
constexpr const char* kSecondMoment = "second_moment";
constexpr const char* kState = "state";

void save(store::CheckpointStore& store, const CheckpointOrder& order, uint64_t run_id,
          const std::string& recipe) {
  const LearnerSnapshot& learner = *order.learner;
  const auto state = wire::Message<wire::TrainingState>::build([&](wire::TrainingState::Builder s) {
    s.setLedger(*order.ledger.read());
    s.setOptimizerSteps(learner.optimizer_steps);
    s.setPolicyVersion(learner.policy->version());
    s.setReferenceVersion(learner.reference->version());
  });
  const store::BlobView blobs[] = {
      {kWeights, std::as_bytes(learner.policy->weights().arena.span())},
      {kReference, std::as_bytes(learner.reference->weights().arena.span())},
      {kFirstMoment, std::as_bytes(std::span(learner.first_moment))},
      {kSecondMoment, std::as_bytes(std::span(learner.second_moment))},
      {kState, std::as_bytes(state.frame().bytes())}};
  store.save({order.step, learner.policy->version(), run_id, recipe}, blobs);
}

std::vector<float> floats_of(const store::Blob& blob, uint64_t count) {
  if (blob.bytes.size() != count * sizeof(float))
    throw Error("checkpoint: blob " + blob.name + " has " + std::to_string(blob.bytes.size()) +
                " bytes, this model needs " + std::to_string(count * sizeof(float)));
  std::vector<float> values(count);
  std::memcpy(values.data(), blob.bytes.data(), blob.bytes.size());
  return values;
}

std::shared_ptr<const model::Policy> policy_of(const store::Blob& blob,
                                               const model::ModelConfig& config, uint64_t version) {
  auto weights = std::make_shared<model::Weights>(config);
  const auto values = floats_of(blob, weights->arena.size());
  std::copy(values.begin(), values.end(), weights->arena.data());
  return std::make_shared<const model::Policy>(std::move(weights), version);
}

}  // namespace

CheckpointerActor::CheckpointerActor(caf::actor_config& config, CheckpointerOptions options)
    : caf::event_based_actor(config), options_(std::move(options)) {}

caf::behavior CheckpointerActor::make_behavior() {
  return {
      [this](journal_atom, std::vector<std::string>& events) {
        const auto failure = std::make_shared<std::string>();
        options_.io->post(
            [failure, journal = options_.journal, events = std::move(events)] {
              try {
                journal->append(events);
              } catch (const Error& error) {
                *failure = error.what();
              }
            },
            [failure, self = caf::actor(this)] {
              if (!failure->empty()) caf::anon_send(self, failed_atom::value, *failure);
            });
      },
      [this](CheckpointOrder& order) -> caf::result<saved_atom> {
        auto promise = make_response_promise();
        const auto failure = std::make_shared<std::string>();
        options_.io->post(
            [failure, order = std::move(order), options = options_] {
              try {
                save(*options.store, order, options.run_id, options.recipe);
              } catch (const Error& e) {
                *failure = e.what();
              }
            },
            [failure, promise, self = caf::actor(this)] {
              caf::anon_send(self, saved_atom::value, promise, *failure);
            });
        return promise;
      },
      [](saved_atom, caf::response_promise& promise, const std::string& error) {
        if (error.empty())
          promise.deliver(saved_atom::value);
        else
          promise.deliver(caf::make_error(caf::sec::runtime_error, error));
      },
      [this](failed_atom, const std::string& error) {
        quit(caf::make_error(caf::sec::runtime_error, error));
      },
  };
}

std::optional<RestoredTraining> restore_training(
    store::CheckpointStore& store, const model::ModelConfig& config,
    const std::function<void(const std::string&)>& rejected) {
  auto loaded = store.load_latest();
  for (const auto& r : loaded.rejected) rejected(r.path + ": not usable: " + r.reason);
  if (!loaded.checkpoint) return std::nullopt;
  const store::Checkpoint& checkpoint = *loaded.checkpoint;
  RestoredTraining restored;
  const auto& bytes = checkpoint.blob(kState).bytes;
  restored.state = wire::Message<wire::TrainingState>::adopt(
      wire::Frame::copy({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}));
  const auto state = restored.state.read();
  restored.learner.policy = policy_of(checkpoint.blob(kWeights), config, state->getPolicyVersion());
  restored.learner.reference =
      policy_of(checkpoint.blob(kReference), config, state->getReferenceVersion());
  const uint64_t size = restored.learner.policy->weights().arena.size();
  restored.learner.first_moment = floats_of(checkpoint.blob(kFirstMoment), size);
  restored.learner.second_moment = floats_of(checkpoint.blob(kSecondMoment), size);
  restored.learner.optimizer_steps = state->getOptimizerSteps();
  restored.step = checkpoint.info.step;
  restored.run_id = checkpoint.info.run_id;
  restored.recipe = checkpoint.info.recipe;
  return restored;
}

}  // namespace thespis
