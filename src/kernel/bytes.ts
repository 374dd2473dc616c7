const units = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
} as const;

/** Reads `16MiB`, `1.5 GB`, `900B` into bytes; undefined when the text is not a size. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/.exec(text.trim());
  return match ? Math.round(Number(match[1]) * units[match[2] as keyof typeof units]) : undefined;
}

/** `812 B`, `14.2 kB`, `1.64 GB` in powers of 1000: for people. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  for (const [unit, size] of [
    ['kB', 1e3],
    ['MB', 1e6],
    ['GB', 1e9],
  ] as const) {
    if (bytes < size * 1e3) return `${(bytes / size).toPrecision(3)} ${unit}`;
  }
  return `${(bytes / 1e12).toPrecision(3)} TB`;
}
