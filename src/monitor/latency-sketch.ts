// Taken once, as in the gate: each look-up of a global costs more than the logarithm.
const {ceil, log: ln, exp, max} = Math;
const step = ln(1.08);

/**
 * Latencies counted in classes that grow by 8 %: two sketches add up exactly, and any quantile is right to 4 %, which an
 * average of quantiles would not be.
 */
export class LatencySketch {
  readonly counts = new Map<number, number>();

  add(latencyMs: number, times = 1): void {
    const index = latencyMs <= 1 ? 0 : ceil(ln(latencyMs) / step);
    this.counts.set(index, (this.counts.get(index) ?? 0) + times);
  }

  merge(other: LatencySketch): void {
    for (const [index, count] of other.counts) this.counts.set(index, (this.counts.get(index) ?? 0) + count);
  }

  get count(): number {
    let sum = 0;
    for (const count of this.counts.values()) sum += count;
    return sum;
  }

  /** @param share from 0 to 1. @returns milliseconds; undefined when nothing was counted. */
  quantile(share: number): number | undefined {
    const total = this.count;
    if (total === 0) return undefined;
    let left = max(1, ceil(share * total));
    for (const [index, count] of [...this.counts].sort((a, b) => a[0] - b[0])) {
      left -= count;
      if (left <= 0) return index === 0 ? 1 : exp((index - 0.5) * step);
    }
    return undefined;
  }

  /** How many were above a limit, to the width of one class. */
  above(limitMs: number): number {
    let sum = 0;
    for (const [index, count] of this.counts) if (index > 0 && exp((index - 0.5) * step) > limitMs) sum += count;
    return sum;
  }

  /** `a:3;b` is three in class 10 and one in class 11. */
  encode(): string {
    return [...this.counts]
      .sort((a, b) => a[0] - b[0])
      .map(([index, count]) => `${index.toString(36)}${count === 1 ? '' : `:${count.toString(36)}`}`)
      .join(';');
  }

  static decode(text: string): LatencySketch {
    const sketch = new LatencySketch();
    for (const part of text.split(';')) {
      if (part === '') continue;
      const [index, count] = part.split(':');
      sketch.counts.set(Number.parseInt(index!, 36), count === undefined ? 1 : Number.parseInt(count, 36));
    }
    return sketch;
  }
}
