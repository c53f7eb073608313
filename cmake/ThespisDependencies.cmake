# Everything the build needs from outside, all of it Debian packages; docs/dependencies.md says why.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the checkout count relative to the build: another clone or preset finds the same.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(CapnProto REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(tl-expected REQUIRED)
find_package(CLI11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED)

# Those that come without CMake files (UCX has some; Debian 13's name folders that do not exist).
function(thespis_library name header)
  find_path(${name}_INCLUDE ${header} REQUIRED)
  add_library(thespis_ext_${name} INTERFACE)
  target_include_directories(thespis_ext_${name} SYSTEM INTERFACE ${${name}_INCLUDE})
  foreach(library ${ARGN})
    find_library(${library}_LIBRARY ${library} REQUIRED)
    target_link_libraries(thespis_ext_${name} INTERFACE ${${library}_LIBRARY})
  endforeach()
  target_link_libraries(thespis_ext_${name} INTERFACE Threads::Threads)
endfunction()
thespis_library(caf caf/all.hpp caf_core)
thespis_library(ucx ucp/api/ucp.h ucp ucs)
thespis_library(xxhash xxhash.h xxhash)
thespis_library(seccomp seccomp.h)
find_library(SECCOMP_STATIC_LIBRARY libseccomp.a REQUIRED)
