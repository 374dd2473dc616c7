/**
 * Runs reads side by side and waits for all of them, then throws the first that failed. Unlike Promise.all nothing is
 * still under way when it ends, so that the caller's next step, or the end of the run, never races with a read.
 */
export async function together<T extends readonly unknown[] | []>(
  reads: T,
): Promise<{-readonly [P in keyof T]: Awaited<T[P]>}> {
  const settled = await Promise.allSettled<unknown>(reads);
  const failed = settled.find((outcome): outcome is PromiseRejectedResult => outcome.status === 'rejected');
  if (failed) throw failed.reason;
  return settled.map((outcome) => (outcome as PromiseFulfilledResult<unknown>).value) as never;
}
