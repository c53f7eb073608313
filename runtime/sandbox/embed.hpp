#pragma once
// A file that another target built, as bytes of this program: the sandbox's processes must not
// depend on where somebody installed what.

#include <string_view>

// NAME is a symbol of its own, PATH a string literal (from CMake); at file scope.
#define THESPIS_EMBED(name, path)                                                          \
  asm(".section .rodata\n"                                                                 \
      ".balign 16\n"                                                                       \
      ".global " #name "\n.global " #name "_end\n" #name ":\n.incbin \"" path "\"\n" #name \
      "_end:\n.byte 0\n"                                                                   \
      ".previous\n");                                                                      \
  extern "C" const char name[];                                                            \
  extern "C" const char name##_end[]

#define THESPIS_EMBEDDED(name) std::string_view(name, static_cast<size_t>(name##_end - name))
