export interface Point {
  readonly atMs: number;
  readonly value: number;
}

export interface Trend {
  /** Change of the value a day: the median of the slopes of all pairs (Theil-Sen), which one bad day does not move. */
  readonly perDay: number;
  /** 95 % interval of that slope (Sen, by Kendall's variance). */
  readonly low: number;
  readonly high: number;
  /** The interval leaves no room for "no change". */
  readonly proved: boolean;
}

const dayMs = 86_400_000;
const z95 = 1.96;
const maxPoints = 400;

/** @param points in any order; @returns undefined for fewer than eight, which prove nothing. */
export function trendOf(points: readonly Point[]): Trend | undefined {
  const used = thinned(points);
  if (used.length < 8) return undefined;
  const slopes = pairSlopes(used);
  if (slopes.length === 0) return undefined;
  const n = used.length;
  const spread = z95 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const at = (rank: number) => slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(rank)))]!;
  const low = at((slopes.length - spread) / 2 - 1);
  const high = at((slopes.length + spread) / 2);
  return {perDay: medianOf(slopes), low, high, proved: low > 0 || high < 0};
}

function pairSlopes(points: readonly Point[]): Float64Array {
  const slopes: number[] = [];
  for (let i = 0; i < points.length; i++)
    for (let j = i + 1; j < points.length; j++) {
      const days = (points[j]!.atMs - points[i]!.atMs) / dayMs;
      if (days !== 0) slopes.push((points[j]!.value - points[i]!.value) / days);
    }
  return Float64Array.from(slopes).sort();
}

/** Evenly taken, since the pairs grow with the square. */
function thinned(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a.atMs - b.atMs);
  if (sorted.length <= maxPoints) return sorted;
  return Array.from({length: maxPoints}, (_, i) => sorted[Math.floor((i * sorted.length) / maxPoints)]!);
}

function medianOf(sorted: ArrayLike<number>): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export interface ChangePoint {
  /** First point of the new level. */
  readonly atMs: number;
  readonly before: number;
  readonly after: number;
  /** Chance of such a step in a series without one (Pettitt's approximation). */
  readonly chance: number;
}

/**
 * Moments at which the level of a series changed, oldest first: Pettitt's rank test, applied again to both sides.
 * Ranks, so that an outlier is no change; at most one in a hundred steadies series shows one.
 */
export function changePoints(points: readonly Point[], chance = 0.01): ChangePoint[] {
  const sorted = thinned(points);
  const found = strongestStep(sorted, chance);
  if (!found) return [];
  return [
    ...changePoints(sorted.slice(0, found.index), chance),
    found.change,
    ...changePoints(sorted.slice(found.index), chance),
  ];
}

const fewest = 8;

function strongestStep(
  points: readonly Point[],
  limit: number,
): {readonly index: number; readonly change: ChangePoint} | undefined {
  const n = points.length;
  if (n < 2 * fewest) return undefined;
  let u = 0;
  let best = 0;
  let index = 0;
  for (let t = 0; t < n - 1; t++) {
    for (let j = 0; j < n; j++) u += Math.sign(points[t]!.value - points[j]!.value);
    if (t + 1 >= fewest && n - t - 1 >= fewest && Math.abs(u) > best) {
      best = Math.abs(u);
      index = t + 1;
    }
  }
  const chance = Math.min(1, 2 * Math.exp((-6 * best * best) / (n ** 3 + n ** 2)));
  if (best === 0 || chance > limit) return undefined;
  const level = (part: readonly Point[]) => medianOf(Float64Array.from(part, (point) => point.value).sort());
  const change = {
    atMs: points[index]!.atMs,
    before: level(points.slice(0, index)),
    after: level(points.slice(index)),
    chance,
  };
  return {index, change};
}
