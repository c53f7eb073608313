# thespis_room(NAME SOURCES ... LINK ...): the static library of one folder, with the house's flags.
add_library(thespis_flags INTERFACE)
target_compile_options(thespis_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow)
if(THESPIS_WERROR)
  target_compile_options(thespis_flags INTERFACE -Werror)
endif()
if(THESPIS_SANITIZE)
  # Every report ends the program (tests/sanitizers/ has the options); UBSan's must be recoverable
  # for the list of reports inside CAF's headers to work.
  # g++ 12 with sanitizers takes members of std::regex for uninitialised.
  target_compile_options(thespis_flags INTERFACE
    -fsanitize=${THESPIS_SANITIZE} -Wno-maybe-uninitialized)
  target_link_options(thespis_flags INTERFACE -fsanitize=${THESPIS_SANITIZE})
endif()
if(THESPIS_MUTANTS)
  target_compile_definitions(thespis_flags INTERFACE THESPIS_MUTANTS)
endif()
target_include_directories(thespis_flags INTERFACE ${CMAKE_SOURCE_DIR})

function(thespis_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINK" ${ARGN})
  if(NOT ROOM_SOURCES)  # A room that is still empty.
    add_library(thespis_${name} INTERFACE)
    target_link_libraries(thespis_${name} INTERFACE thespis_flags ${ROOM_LINK})
    return()
  endif()
  add_library(thespis_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(thespis_${name} PUBLIC thespis_flags ${ROOM_LINK})
endfunction()
