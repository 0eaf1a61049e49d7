/**
 * Latency samples between the moment they are told and the moment their flow's group is known: a ring of numbers, so
 * that taking one costs a few writes. When it is full the newest are given up and counted.
 */
export const CONNECT = 0;
export const RTT = 1;
export const RESPONSE = 2;

const CAPACITY = 1 << 17;
const FIELDS = 4;

export class PendingSamples {
  /** kind, whose (a flow, or −1 − a socket), value in ns, when in ns */
  #numbers = new Float64Array(1024 * FIELDS);
  #count = 0;
  lost = 0;

  add(kind: number, whose: number, valueNs: number, atNs: number): void {
    if (this.#count >= CAPACITY) {
      this.lost++;
      return;
    }
    if ((this.#count + 1) * FIELDS > this.#numbers.length) this.#grow();
    const at = this.#count++ * FIELDS;
    this.#numbers[at] = kind;
    this.#numbers[at + 1] = whose;
    this.#numbers[at + 2] = valueNs;
    this.#numbers[at + 3] = atNs;
  }

  /** Hands on each sample; one for which `take` says false stays for the next time. */
  drain(take: (kind: number, whose: number, valueNs: number, atNs: number) => boolean): void {
    const numbers = this.#numbers;
    const count = this.#count;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const at = i * FIELDS;
      if (take(numbers[at]!, numbers[at + 1]!, numbers[at + 2]!, numbers[at + 3]!)) continue;
      if (kept !== i) numbers.copyWithin(kept * FIELDS, at, at + FIELDS);
      kept++;
    }
    this.#count = kept;
  }

  /** Flows and sockets have other rows now, -1 = gone: so are their samples. */
  folded(flows: Int32Array, sockets: Int32Array): void {
    const numbers = this.#numbers;
    const count = this.#count;
    this.#count = 0;
    for (let at = 0; at < count * FIELDS; at += FIELDS) {
      const whose = numbers[at + 1]!;
      const row = whose >= 0 ? flows[whose]! : sockets[-1 - whose]!;
      if (row >= 0) this.add(numbers[at]!, whose >= 0 ? row : -1 - row, numbers[at + 2]!, numbers[at + 3]!);
    }
  }

  #grow(): void {
    const grown = new Float64Array(this.#numbers.length * 2);
    grown.set(this.#numbers);
    this.#numbers = grown;
  }
}
