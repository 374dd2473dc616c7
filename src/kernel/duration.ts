const unitMs = {ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000} as const;

/**
 * Reads `250ms`, `10s`, `2m`, `1h30m`, `7d` into milliseconds.
 * @returns undefined when the text is not a duration: a bare number is not, since its unit would be a guess.
 */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(trimmed)) return undefined;
  let totalMs = 0;
  for (const part of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)) {
    totalMs += Number(part[1]) * unitMs[part[2] as keyof typeof unitMs];
  }
  return Math.round(totalMs);
}

/** `950 ms`, `12.3 s`, `4 min 05 s`, `3 h 20 min`, `2 d 4 h`: for people. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return 'unknown';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const totalS = Math.round(ms / 1_000);
  if (totalS < 3_600) return `${Math.floor(totalS / 60)} min ${String(totalS % 60).padStart(2, '0')} s`;
  if (totalS < 86_400)
    return `${Math.floor(totalS / 3_600)} h ${String(Math.floor((totalS % 3_600) / 60)).padStart(2, '0')} min`;
  return `${Math.floor(totalS / 86_400)} d ${Math.floor((totalS % 86_400) / 3_600)} h`;
}
