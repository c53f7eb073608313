/* Touches 8 x 48 MiB in processes of their own, and tells when all of it is held at once. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void one_was_killed(int number) { _exit(number); }

int main(void) {
  enum { kProcesses = 8, kBytes = 48 << 20 };
  int ends[2];
  signal(SIGCHLD, one_was_killed);
  if (pipe(ends) != 0) return 1;
  for (int i = 0; i < kProcesses; ++i) {
    if (fork() != 0) continue;
    char* bytes = malloc(kBytes);
    if (bytes != NULL) memset(bytes, 1, kBytes);
    if (bytes == NULL || bytes[kBytes / 2] != 1 || write(ends[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(ends[1]);
  char told[kProcesses];
  int held = 0;
  while (held < kProcesses && read(ends[0], told, 1) == 1) ++held;
  puts(held == kProcesses ? "ESCAPED: more memory than is allowed" : "7");
  return 0;
}
