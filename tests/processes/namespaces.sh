#!/usr/bin/env bash
# Goal (ONCE, AGE, DEADLINE, SAME-MATH): the simulator's faults for real, in small: five processes
# in five network namespaces, links cut and healed (both ways and one way), kill -9, SIGSTOP. The
# run ends, and the simulator's checkers find nothing in its logs. Method: namespaces joined by a
# bridge; each node process is started again when it ends.
set -euo pipefail
if [[ -z ${IN_NAMESPACE-} ]]; then
  unshare --user --map-root-user --net bash -c \
    'ip link add name br0 type bridge && ip link add name v0 type veth peer name v1' \
    2>/dev/null || {
    echo 'skipped: no network namespaces with veth and bridge here'
    exit 77
  }
  IN_NAMESPACE=1 exec unshare --user --map-root-user --net "$0"
fi
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

umask 077
printf 'a-secret-of-the-test' >"$work/secret"
ip link add name br0 type bridge
ip link set br0 up
declare -A spaces
for i in 1 2 3 4 5; do
  unshare --net sleep infinity &
  spaces[$i]=$!
  await "namespace $i" bash -c \
    "[[ \$(readlink /proc/${spaces[$i]}/ns/net) != \$(readlink /proc/self/ns/net) ]]"
  ip link add name "port$i" type veth peer name eth0 netns "${spaces[$i]}"
  ip link set "port$i" master br0 up
  nsenter -t "${spaces[$i]}" --net bash -c \
    "ip link set lo up; ip address add 10.77.0.$i/24 dev eth0; ip link set eth0 up"
done
inside() { exec nsenter -t "${spaces[$1]}" --net "${@:2}"; }

inside 1 "$program" train recipes/zero-tiny.toml --out "$work/run" --listen 10.77.0.1:7711 \
  --secret-file "$work/secret" --set train.steps=16 --set train.groups_per_step=8 \
  --set rollout.group_size=8 --set rollout.max_response_length=80 --set eval.prompts=0 \
  --set checkpoint.every=4 --set rewards.delay_mean_s=0.2 --set rewards.capacity=8 \
  --set rewards.workers=1 --set engine.threads=1 >"$work/run.log" 2>&1 &
head=$!
await "the head to listen" grep -q 'nodes join at' "$work/run.log"

# node I ROLES: a node process in namespace I, started again until the head has ended.
node() {
  while kill -0 "$head" 2>/dev/null; do
    inside "$1" "$program" node --join 10.77.0.1:7711 --roles "$2" --threads 1 \
      --listen "10.77.0.$1:0" --secret-file "$work/secret" >>"$work/node$1.log" 2>&1 &
    echo $! >"$work/node$1.pid"
    wait $! || true
    sleep 0.2
  done
}
node 2 sampler=1 &
node 3 sampler=1,reference=1 &
node 4 reward=4 &
node 5 reward=4,sampler=1 &
for i in 2 3 4 5; do await "node $i to join" grep -q '^joined' "$work/node$i.log"; done

cut() { ip link set "port$1" down; }
heal() { ip link set "port$1" up; }
signal() { kill "-$1" "$(<"$work/node$2.pid")" 2>/dev/null || true; }
await "two steps" steps_done run 2
cut 2
sleep 1
heal 2                                   # Shorter than a peer's patience: nobody is lost.
signal KILL 3
await "four steps" steps_done run 4
cut 4
await "node 4 to be given up" grep -q '^left' "$work/node4.log"
heal 4
await "six steps" steps_done run 6
signal STOP 5
sleep 8                                  # Longer: it is lost, and comes back.
signal CONT 5
# One way only: what node 2 sends is dropped.
nsenter -t "${spaces[2]}" --net ip route add blackhole 10.77.0.1/32
await "eight steps" steps_done run 8
nsenter -t "${spaces[2]}" --net ip route del blackhole 10.77.0.1/32
signal KILL 4
signal STOP 3
await "ten steps" steps_done run 10
signal CONT 3
await "the run to end" bash -c "! kill -0 $head 2>/dev/null"
wait "$head" || fail "the run ended with code $?: $(tail -n 5 "$work/run.log")"
proves run 128
joins=$(cat "$work"/node?.log | grep -c '^joined')
((joins > 4)) || fail "nobody joined a second time"
printf 'five namespaces, %s joins of four nodes, 128 of 128 prompts consumed once\n' "$joins"
