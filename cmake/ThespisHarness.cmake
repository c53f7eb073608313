# cmake -DOUT=FILE.cpp -DFILES=a.py;b.py -P ThespisHarness.cmake: each as a string constant that
# tasks/code/harness_sources.hpp declares: call.py is kCallSource.
set(TEXT "// Made by cmake/ThespisHarness.cmake.\n#include \"tasks/code/harness_sources.hpp\"\n")
string(APPEND TEXT "namespace thespis::tasks::harness {\n")
foreach(FILE ${FILES})
  get_filename_component(NAME ${FILE} NAME_WE)
  string(SUBSTRING ${NAME} 0 1 FIRST)
  string(SUBSTRING ${NAME} 1 -1 REST)
  string(TOUPPER ${FIRST} FIRST)
  file(READ ${FILE} SOURCE)
  string(APPEND TEXT
    "const std::string_view k${FIRST}${REST}Source = R\"PYTHON(${SOURCE})PYTHON\";\n")
endforeach()
string(APPEND TEXT "}  // namespace thespis::tasks::harness\n")
file(WRITE ${OUT} "${TEXT}")
