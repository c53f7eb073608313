// The program: reads the command line and calls one verb. Exit codes: 0 done, 1 failed, 2 what the
// user wrote cannot be used.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <new>

#include "app/verbs.hpp"
#include "runtime/base/error.hpp"
#include "runtime/config/keys.hpp"

namespace {

using namespace thespis;

/// Options that stand for a recipe key, in the words of the command line.
void add_shorthand(CLI::App* verb, std::vector<std::string>& overrides, const std::string& flag,
                   const std::string& key, const std::string& help) {
  verb->add_option_function<std::string>(
      flag, [&overrides, key](const std::string& value) { overrides.push_back(key + "=" + value); },
      help);
}

void add_recipe(CLI::App* verb, std::string& recipe, std::vector<std::string>& overrides) {
  verb->add_option("recipe", recipe, "TOML file")->required();
  verb->add_option("--set", overrides, "Override a recipe key, as train.steps=10")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli{"Thespis: asynchronous reinforcement learning for reasoning models"};
  cli.require_subcommand(1);
  std::function<int()> run;

  app::TrainArguments train;
  train.program = std::filesystem::read_symlink("/proc/self/exe");
  auto* verb = cli.add_subcommand("train", "Train a model as a recipe says");
  add_recipe(verb, train.recipe, train.overrides);
  verb->add_option("--out", train.out, "The run's directory (runs/NAME if not given)");
  verb->add_flag("--resume", train.resume, "Go on from the newest usable checkpoint");
  add_shorthand(verb, train.overrides, "--processes", "cluster.processes",
                "Processes on this host: 1, or a conductor with learner and N - 1 nodes");
  add_shorthand(verb, train.overrides, "--listen", "cluster.listen", "HOST:PORT for nodes");
  add_shorthand(verb, train.overrides, "--secret-file", "cluster.secret_file",
                "The nodes' shared secret; nodes may join only with it");
  verb->callback([&] { run = [&] { return app::run_train(train); }; });

  app::NodeArguments node;
  verb = cli.add_subcommand("node", "Add this machine's workers to a training that runs");
  verb->add_option("--join", node.join, "HOST:PORT of the training")->required();
  verb->add_option("--roles", node.roles, "Workers, as sampler=1,reward=4,reference=1,learner=1")
      ->required();
  verb->add_option("--secret-file", node.secret_file, "The cluster's shared secret")->required();
  verb->add_option("--threads", node.threads, "Compute threads (0: all cores)");
  verb->add_option("--listen", node.listen, "HOST:PORT of this node");
  verb->add_option("--wait", node.wait_s, "Seconds to wait for the training to be there")
      ->check(CLI::Range(0.0, 86400.0));
  verb->callback([&] { run = [&] { return app::run_node(node); }; });

  app::PretrainArguments pretrain;
  verb = cli.add_subcommand("pretrain", "Make a base model as a recipe says");
  add_recipe(verb, pretrain.recipe, pretrain.overrides);
  verb->add_option("--out", pretrain.out, "The model's directory (model.path if not given)");
  verb->callback([&] { run = [&] { return app::run_pretrain(pretrain); }; });

  app::EvalArguments eval;
  verb = cli.add_subcommand("eval", "Held-out accuracy of a model");
  add_recipe(verb, eval.recipe, eval.overrides);
  verb->add_option("--model", eval.model, "Model directory (model.path if not given)");
  verb->callback([&] { run = [&] { return app::run_eval(eval); }; });

  std::string recipe;
  std::vector<std::string> overrides;
  verb = cli.add_subcommand("recipe", "Show a recipe whole, with where each value came from");
  add_recipe(verb, recipe, overrides);
  verb->callback([&] { run = [&] { return app::run_recipe(recipe, overrides); }; });

  std::string ledger;
  verb = cli.add_subcommand("ledger", "Prove from a run's journal that every prompt counted once");
  verb->add_option("run", ledger, "The run's directory")->required();
  verb->callback([&] { run = [&] { return app::run_ledger(ledger); }; });

  app::TokenizeArguments tokenize;
  verb = cli.add_subcommand("tokenize", "Filter JSON lines: {\"text\"} -> {\"ids\"}, or back");
  verb->add_option("--tokenizer", tokenize.tokenizer, "tokenizer.json or a model's directory")
      ->required();
  verb->add_flag("--decode", tokenize.decode, "{\"ids\"} -> {\"text\"}");
  verb->add_flag("--add-special-tokens", tokenize.add_special,
                 "Add BOS and the like, as the tokenizer's post_processor says");
  verb->add_flag("--parse-special", tokenize.parse_special,
                 "The text of a special token is that token (else it is text like any other)");
  verb->add_flag("--skip-special-tokens", tokenize.skip_special,
                 "Leave special tokens out of decoded text");
  verb->callback([&] { run = [&] { return app::run_tokenize(tokenize); }; });

  app::JudgeArguments judge;
  std::vector<std::string> data_set;
  verb = cli.add_subcommand("judge", "Judge answers that are programs");
  verb->add_option("--task", judge.task, "A row of a data set, as JSON");
  verb->add_option("--answer", judge.answer, "What a model wrote for it");
  verb->add_option("--dataset", data_set, "Reference solutions: humaneval, mbpp, p3 or stdio")
      ->expected(2)
      ->type_name("KIND FILE");
  verb->add_option("--rows", judge.rows,
                   "Write the data set's tasks to this file, rows of data.kind = \"code\"");
  verb->add_option("--suite", judge.suite,
                   "A folder of hostile and honest programs, with its index.jsonl");
  verb->add_option("--without", judge.without,
                   "Layers to leave out for a suite, to see which programs notice")
      ->delimiter(',')
      ->type_name("LAYER,...");
  verb->add_option("--jobs", judge.jobs, "Programs at a time (0: one for each processor)");
  verb->add_flag("--allow-weaker", judge.allow_weaker, "Even where layers of the sandbox miss");
  verb->add_flag("--json", judge.json, "Print JSON");
  verb->callback([&] {
    if (data_set.size() == 2) judge.data = data_set[0], judge.file = data_set[1];
    run = [&] { return judge.suite.empty() ? app::run_judge(judge) : app::run_judge_suite(judge); };
  });

  verb = cli.add_subcommand("verify-math", "Judge answers: JSON lines in, JSON lines out");
  verb->callback([&] { run = [] { return app::run_verify_math(); }; });

  app::TemplateArguments chat_template;
  verb = cli.add_subcommand("template", "Render conversations (JSON lines) by a chat template");
  verb->add_option("--file", chat_template.file, "The template (Jinja)")->required();
  verb->add_option("--now", chat_template.now, "The date that strftime_now shows, as 2025-01-31");
  verb->callback([&] { run = [&] { return app::run_template(chat_template); }; });

  app::GenerateArguments generate;
  verb = cli.add_subcommand("generate", "Let a model write after a prompt");
  verb->add_option("--model", generate.model, "The model's directory")->required();
  verb->add_option("--prompt", generate.prompt, "What it goes on from")->required();
  verb->add_flag("--chat", generate.chat, "As a user's message, by the model's chat template");
  verb->add_option("--temperature", generate.temperature, "0: always the most probable token")
      ->check(CLI::Range(0.0, 1e3));
  verb->add_option("--top-p", generate.top_p, "Only the most probable tokens with this share")
      ->check(CLI::Range(1e-6, 1.0));
  verb->add_option("--top-k", generate.top_k, "Only so many of the most probable tokens");
  verb->add_option("--min-p", generate.min_p, "Only tokens so probable, as a share of the first")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--stop", generate.stop, "Text that ends it; several may be given")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb->add_option("--device", generate.device, "cpu (if not given), cuda, cuda:N")
      ->check([](const std::string& text) {
        const auto rule = std::get<config::TextRule>(config::find_key("engine.device")->rule);
        const auto wanted = rule(text);
        return wanted ? "must be " + std::string(*wanted) : std::string();
      });
  verb->add_option("--max-tokens", generate.max_tokens, "At most (256)")
      ->check(CLI::Range(1u, 1u << 26));
  verb->add_option("--seed", generate.seed, "Of the draws");
  verb->add_option("--threads", generate.threads, "Compute threads (0: all cores)");
  verb->callback([&] { run = [&] { return app::run_generate(generate); }; });

  app::ExportArguments exported;
  verb = cli.add_subcommand("export", "Write a model for other programs");
  verb->add_option("model", exported.model, "The model's directory")->required();
  verb->add_option("--to", exported.to, "hf, or gguf for llama.cpp")
      ->required()
      ->check(CLI::IsMember({"hf", "gguf"}));
  verb->add_option("--out", exported.out, "Directory (hf) or file (gguf)")->required();
  verb->add_option("--dtype", exported.dtype, "f32 (if not given), f16, bf16; gguf: q8_0 too")
      ->check(CLI::IsMember({"f32", "f16", "bf16", "q8_0"}));
  verb->add_option("--max-shard-bytes", exported.shard_bytes_max, "Of hf (5 GB)")
      ->check(CLI::Range(uint64_t{1}, UINT64_MAX));
  verb->callback([&] { run = [&] { return app::run_export(exported); }; });

  app::InitModelArguments init;
  verb = cli.add_subcommand("init-model", "Make a model of random weights, like a published one");
  verb->add_option("--like", init.like, "qwen2.5-0.5b, qwen3-0.6b, llama-3.2-3b, ...");
  verb->add_option("--config", init.config, "Or a config.json");
  verb->add_option("--out", init.out, "The model's directory")->required();
  verb->add_option("--tokenizer", init.tokenizer, "tokenizer.json that goes with it");
  verb->add_option("--layers", init.layers, "Instead of the model's own, as all that follow");
  verb->add_option("--hidden", init.hidden, "hidden_size");
  verb->add_option("--heads", init.heads, "num_attention_heads");
  verb->add_option("--kv-heads", init.kv_heads, "num_key_value_heads");
  verb->add_option("--head-dim", init.head_dim, "head_dim");
  verb->add_option("--ffn", init.ffn, "intermediate_size");
  verb->add_option("--vocab", init.vocab, "vocab_size");
  verb->add_option("--context", init.context, "max_position_embeddings");
  verb->add_option("--seed", init.seed, "Of the weights");
  verb->add_option("--dtype", init.dtype, "bf16 (if not given), f16, f32")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}));
  verb->add_option("--max-shard-bytes", init.shard_bytes_max, "5 GB if not given")
      ->check(CLI::Range(uint64_t{1}, UINT64_MAX));
  verb->callback([&] { run = [&] { return app::run_init_model(init); }; });

  app::SimulateArguments simulate;
  verb = cli.add_subcommand("simulate", "Run a whole cluster in this process, in virtual time");
  verb->add_option("scenario", simulate.scenario, "Scenario file (TOML)")->required();
  verb->add_option("--seeds", simulate.seeds, "How many seeds (1)")->check(CLI::PositiveNumber);
  verb->add_option("--from", simulate.from, "The first seed (1)");
  verb->add_option("--jobs", simulate.jobs, "Threads (0: one a core)");
  verb->add_flag("--json", simulate.json, "The result as one JSON object");
  verb->add_option("--trace", simulate.trace, "Write a timeline that Perfetto opens");
  verb->add_option("--mutant", simulate.mutant, "A bug to wake, in a build for tests");
  verb->callback([&] { run = [&] { return app::run_simulate(simulate); }; });

  app::PlanArguments plan;
  verb = cli.add_subcommand("plan", "How many of what a training needs on a cluster");
  add_recipe(verb, plan.recipe, plan.overrides);
  verb->add_option("--cluster", plan.cluster, "The cluster (TOML)")->required();
  verb->add_option("--times", plan.times, "metrics.jsonl of a synchronous run: its times are used");
  verb->add_option("--sweep", plan.sweep, "Vary samplers, rewards, references or max_age")
      ->type_name("NAME=V,V,...");
  verb->add_option("--svg", plan.svg, "Draw the sweep");
  verb->add_option("--idle", plan.idle_max, "Of the learner, at most (0.05)")
      ->check(CLI::Range(0.001, 0.99));
  verb->add_flag("--json", plan.json, "The result as JSON");
  verb->callback([&] { run = [&] { return app::run_plan(plan); }; });

  app::PlanMemoryArguments memory;
  verb = cli.add_subcommand("plan-memory", "What a recipe takes of each card's memory; if it fits");
  add_recipe(verb, memory.recipe, memory.overrides);
  verb->add_option("--like", memory.like, "A published model's size instead of the recipe's model");
  verb->add_option("--gpus", memory.gpus, "Cards that train together (train.ranks)")
      ->check(CLI::Range(1u, 1024u));
  verb->add_option("--gpu-memory", memory.gpu_memory, "Of each (139.8GiB: an H200)");
  verb->add_option("--zero", memory.zero,
                   "What they share: 1 optimizer state, 3 weights too (train.zero)")
      ->check(CLI::IsMember({1, 3}));
  verb->add_option(
          "--roles", memory.roles,
          "learner: its cards alone; workers of a node, as sampler=1,reference=1; else all")
      ->type_name("ROLES");
  verb->add_flag("--pretrain", memory.pretrain, "For the pretrain verb");
  verb->add_flag("--json", memory.json, "The plan as JSON");
  verb->callback([&] { run = [&] { return app::run_plan_memory(memory); }; });

  verb = cli.add_subcommand("doctor", "What this machine has, and what is therefore on or off");
  verb->callback([&] { run = [] { return app::run_doctor(); }; });

  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? 0 : 2;
  }
  try {
    return run();
  } catch (const InputError& error) {
    std::fprintf(stderr, "thespis: %s\n", error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    std::fputs("thespis: there is not enough memory for this\n", stderr);
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "thespis: %s\n", error.what());
    return 1;
  }
}
