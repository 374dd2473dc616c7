/** The exit codes of every command. */
export const exitCodes = {ok: 0, failed: 1, usage: 2, interrupted: 130} as const;

/** What each tells, in short and in full; every `--help` and `action-docs/terminal.md` are made of it. */
export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, readonly [short: string, full: string]>> = {
  ok: ['done', 'done, and read back'],
  failed: ['failed', 'failed, or the verdict is red'],
  usage: ['wrong usage or refused input', 'wrong usage or refused input: nothing was tried'],
  interrupted: ['interrupted', 'interrupted; what was begun was undone or is named'],
};

/** All in one line, for a help. */
export function exitCodeLine(): string {
  const all = Object.entries(exitCodeMeanings).map(
    ([name, [short]]) => `${exitCodes[name as keyof typeof exitCodes]} ${short}`,
  );
  return `Exit codes: ${all.join(', ')}.`;
}
