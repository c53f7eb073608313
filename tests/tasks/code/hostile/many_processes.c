/* Has as many processes at the same time as it can get, up to twice what is allowed. */
#include <stdio.h>
#include <unistd.h>

int main(void) {
  enum { kAllowed = 64 };
  int count = 1;
  for (; count < 2 * kAllowed; ++count) {
    const pid_t child = fork();
    if (child < 0) break;
    if (child == 0)
      for (;;) pause();
  }
  puts(count > kAllowed + 2 ? "ESCAPED: more processes than are allowed" : "few");
  return 0;
}
