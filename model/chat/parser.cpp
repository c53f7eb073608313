#include "model/chat/parser.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/chat/expression_parser.hpp"

namespace thespis::model::chat {
namespace {

class Parser : private ExpressionParser {
 public:
  explicit Parser(std::string_view source) : ExpressionParser(tokenize(source)) {}

  Block parse_template() {
    Block block = parse_block({});
    if (current().type != TokenType::kEnd) fail("the template goes on after its end");
    return block;
  }

 private:
  /// Statements up to {% with one of the names `ends`, which is not taken; without ends, up to the
  /// end of the template.
  Block parse_block(std::vector<std::string_view> ends) {
    const Level level(*this);
    Block block;
    for (;;) {
      const Token& token = current();
      const uint32_t line = token.line;
      if (token.type == TokenType::kEnd) {
        if (ends.empty()) return block;
        fail(fmt::format("the template ends where '{}' is due", fmt::join(ends, "' or '")));
      }
      if (token.type == TokenType::kData) {
        block.push_back({line, Data{token.text}});
        next();
      } else if (token.type == TokenType::kVariableBegin) {
        next();
        block.push_back({line, Output{parse_tuple(true, "", false)}});
        expect(TokenType::kVariableEnd, "'}}'");
      } else {
        expect(TokenType::kBlockBegin, "a tag");
        if (std::ranges::any_of(ends, [this](auto end) { return current().is_name(end); }))
          return block;
        parse_statement(block, line, ends);
        expect(TokenType::kBlockEnd, "'%}'");
      }
      if (!branch_) complain();
      unknown_.reset();
    }
  }

  /// The body of a statement, after whose head the tag ends. What is not supported in the head
  /// is refused at once.
  Block parse_body(std::vector<std::string_view> ends, bool branch = false) {
    if (!branch) complain();
    const bool outer = std::exchange(branch_, branch);
    take_operator(":");  // Jinja allows it, as Python does.
    expect(TokenType::kBlockEnd, "'%}'");
    Block body = parse_block(std::move(ends));
    branch_ = outer;
    return body;
  }
  /// The same where only `end` ends it, and is taken.
  Block parse_whole_body(std::string_view end, bool branch = false) {
    Block body = parse_body({end}, branch);
    next();
    return body;
  }

  void parse_statement(Block& block, uint32_t line, const std::vector<std::string_view>& ends) {
    const std::string tag = expect_any_name();
    const auto add = [&](auto node) { block.push_back({line, std::move(node)}); };
    if (tag == "if") return add(parse_if());
    if (tag == "for") return add(parse_for());
    if (tag == "set") return parse_set(block, line);
    if (tag == "macro") return add(parse_macro());
    if (tag == "call") return add(parse_call_block());
    if (tag == "filter") return add(parse_filter_block());
    if (tag == "with") return add(parse_with());
    if (tag == "generation") return add(With{{}, parse_function_body("endgeneration")});
    if (tag == "print") {
      while (current().type != TokenType::kBlockEnd) {
        add(Output{parse_expression()});
        if (current().type != TokenType::kBlockEnd) expect_operator(",");
      }
      return;
    }
    if (tag == "break" || tag == "continue") {
      if (loops_ == 0) fail(fmt::format("'{}' outside of a loop", tag));
      return add(tag == "break" ? Jump::kBreak : Jump::kContinue);
    }
    for (const std::string_view known :
         {"include", "import", "from", "extends", "block", "autoescape"})
      if (tag == known) fail(fmt::format("the statement `{}` is not supported", tag));
    fail(ends.empty()
             ? fmt::format("unknown tag '{}'", tag)
             : fmt::format("unknown tag '{}' where '{}' is due", tag, fmt::join(ends, "' or '")));
  }

  If parse_if() {
    If node;
    for (;;) {
      ExpressionPtr condition = parse_tuple(false, "", false);
      Block body = parse_body({"elif", "else", "endif"}, true);
      node.branches.emplace_back(std::move(condition), std::move(body));
      if (take_name("elif")) continue;
      if (take_name("else"))
        node.otherwise = parse_whole_body("endif", true);
      else
        expect_name("endif");
      return node;
    }
  }

  For parse_for() {
    For node;
    node.target = parse_target("in", false);
    check_loop_name(node.target);
    expect_name("in");
    node.items = parse_tuple(false, "recursive", false);
    if (take_name("if")) node.filter = parse_expression();
    if (current().is_name("recursive")) fail("the loop modifier `recursive` is not supported");
    ++loops_;
    node.body = parse_body({"endfor", "else"});
    --loops_;
    if (take_name("else"))
      node.otherwise = parse_whole_body("endfor");
    else
      expect_name("endfor");
    return node;
  }

  void parse_set(Block& block, uint32_t line) {
    Target target = parse_target("", true);
    if (take_operator("=")) {
      block.push_back({line, Set{std::move(target), parse_tuple(true, "", false)}});
      return;
    }
    ExpressionPtr filters;
    if (current().is_operator("|")) filters = parse_filters(nullptr, false);
    Block body = parse_whole_body("endset");
    block.push_back({line, SetBlock{std::move(target), std::move(filters), std::move(body)}});
  }

  /// A name, an attribute of one (where `attributes`), or several with commas; `stop` ends them.
  Target parse_target(std::string_view stop, bool attributes) {
    Target whole;
    bool is_tuple = false;
    for (;;) {
      whole.parts.push_back(parse_target_part(attributes));
      if (!take_operator(",")) break;
      is_tuple = true;
      if (current().is_operator(")") || (!stop.empty() && current().is_name(stop))) break;
    }
    if (is_tuple) return whole;
    Target only = std::move(whole.parts.front());
    return only;
  }

  Target parse_target_part(bool attributes) {
    if (take_operator("(")) {
      const Level level(*this);
      Target inner = parse_target("", attributes);
      expect_operator(")");
      return inner;
    }
    Target target;
    target.name = expect_any_name();
    for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"})
      if (target.name == constant) fail(fmt::format("cannot assign to '{}'", constant));
    if (attributes && take_operator(".")) target.attribute = expect_any_name();
    return target;
  }

  void check_loop_name(const Target& target) const {
    if (target.name == "loop") fail("cannot assign to the special variable 'loop' in a loop");
    for (const Target& part : target.parts) check_loop_name(part);
  }

  std::vector<Parameter> parse_signature() {
    std::vector<Parameter> parameters;
    expect_operator("(");
    while (!current().is_operator(")")) {
      if (!parameters.empty()) expect_operator(",");
      Parameter parameter{expect_any_name(), nullptr};
      if (take_operator("="))
        parameter.absent = parse_expression();
      else if (!parameters.empty() && parameters.back().absent != nullptr)
        fail("a parameter without a default follows one with a default");
      parameters.push_back(std::move(parameter));
    }
    expect_operator(")");
    return parameters;
  }

  /// A body that is a function of its own: a jump cannot leave it.
  Block parse_function_body(std::string_view end) {
    const uint32_t loops = std::exchange(loops_, 0);
    Block body = parse_whole_body(end);
    loops_ = loops;
    return body;
  }

  std::unique_ptr<MacroNode> parse_function(std::string name, bool signature, std::string_view end,
                                            ExpressionPtr* call) {
    auto macro = std::make_unique<MacroNode>();
    macro->name = std::move(name);
    const bool varargs = std::exchange(uses_varargs_, false);
    const bool kwargs = std::exchange(uses_kwargs_, false);
    const bool caller = std::exchange(uses_caller_, false);
    if (signature) macro->parameters = parse_signature();
    if (call != nullptr) *call = parse_expression();
    macro->body = parse_function_body(end);
    macro->uses_varargs = std::exchange(uses_varargs_, uses_varargs_ || varargs);
    macro->uses_kwargs = std::exchange(uses_kwargs_, uses_kwargs_ || kwargs);
    macro->uses_caller = std::exchange(uses_caller_, uses_caller_ || caller);
    for (const Parameter& parameter : macro->parameters)
      if (parameter.name == "caller") macro->uses_caller = false;  // An ordinary one, then.
    return macro;
  }

  DefineMacro parse_macro() {
    std::string name = expect_any_name();
    return {parse_function(std::move(name), true, "endmacro", nullptr)};
  }

  CallBlock parse_call_block() {
    CallBlock node;
    node.caller = parse_function("caller", current().is_operator("("), "endcall", &node.call);
    if (!std::holds_alternative<Call>(node.call->node)) fail("expected a call in `call`");
    return node;
  }

  FilterBlock parse_filter_block() {
    FilterBlock node;
    node.filters = parse_filters(nullptr, true);
    node.body = parse_whole_body("endfilter");
    return node;
  }

  With parse_with() {
    With node;
    while (current().type != TokenType::kBlockEnd) {
      if (!node.variables.empty()) expect_operator(",");
      Target target = parse_target_part(false);
      expect_operator("=");
      node.variables.emplace_back(std::move(target), parse_expression());
    }
    node.body = parse_whole_body("endwith");
    return node;
  }

  uint32_t loops_ = 0;
  bool branch_ = false;  // Directly within an `if`, whose body may not be reached.
};

}  // namespace

Block parse(std::string_view source) {
  return Parser(source).parse_template();
}

}  // namespace thespis::model::chat
