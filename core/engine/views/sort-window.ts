/**
 * Sorting of which only a window is looked at: a table shows a few dozen rows of a million, and only their places need to be
 * right. Like quicksort, without the parts that the window does not touch: O(n + w log w) on average for a window of w.
 */

/** Negative = `a` comes first; never 0 for two different ones. */
export type Order = (a: number, b: number) => number;

/** Ranges this short are sorted by insertion. */
const SHORT = 24;

/** Puts what belongs to places [from, to) of the sorted range [low, high) there. */
export function sortWindow(
  list: Uint32Array,
  range: readonly [low: number, high: number],
  window: readonly [from: number, to: number],
  order: Order,
): void {
  let [low, high] = range;
  const [from, to] = window;
  while (high - low > SHORT && from < high && to > low) {
    const middle = partition(list, low, high, order);
    // The shorter part by calling, the longer one by going on: the depth stays logarithmic.
    if (middle - low < high - middle) {
      sortWindow(list, [low, middle], window, order);
      low = middle;
    } else {
      sortWindow(list, [middle, high], window, order);
      high = middle;
    }
  }
  if (high - low <= SHORT && from < high && to > low) insert(list, low, high, order);
}

/** Splits [low, high) so that all before the result come before all after it; both parts have something in them. */
function partition(list: Uint32Array, low: number, high: number, order: Order): number {
  const pivot = median(list[low]!, list[(low + high) >>> 1]!, list[high - 1]!, order);
  let left = low - 1;
  let right = high;
  for (;;) {
    do left++;
    while (order(list[left]!, pivot) < 0);
    do right--;
    while (order(list[right]!, pivot) > 0);
    if (left >= right) return left > low ? left : low + 1;
    const moved = list[left]!;
    list[left] = list[right]!;
    list[right] = moved;
  }
}

function median(a: number, b: number, c: number, order: Order): number {
  if (order(a, b) < 0) return order(b, c) < 0 ? b : order(a, c) < 0 ? c : a;
  return order(a, c) < 0 ? a : order(b, c) < 0 ? c : b;
}

function insert(list: Uint32Array, low: number, high: number, order: Order): void {
  for (let i = low + 1; i < high; i++) {
    const value = list[i]!;
    let at = i;
    for (; at > low && order(list[at - 1]!, value) > 0; at--) list[at] = list[at - 1]!;
    list[at] = value;
  }
}
