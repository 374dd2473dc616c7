/** One JSON object a line, so that the platform can read level and fields. */
export function log(level, message, fields = {}) {
  process.stdout.write(`${JSON.stringify({level, message, ...fields})}\n`);
}
