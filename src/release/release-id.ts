/** `r-20261122-184501-1a2b3c4`: UTC time and commit, so that ids sort by time and can be read aloud. */
export function releaseId(nowMs: number, commit: string): string {
  const iso = new Date(nowMs).toISOString();
  return `r-${iso.slice(0, 10).replace(/-/g, '')}-${iso.slice(11, 19).replace(/:/g, '')}-${commit.slice(0, 7) || 'unknown'}`;
}
