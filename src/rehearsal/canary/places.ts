import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';

/** All files below a folder by name, as text. */
export async function filesBelow(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true});
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file.slice(folder.length), await readFile(file, 'latin1')] as const)),
  );
}

/** Argument lists of every process below this one, read again and again until stopped. Empty where there is no /proc. */
export function watchArguments(everyMs = 10): {stop(): Promise<string>} {
  const seen = new Set<string>();
  let running = true;
  const watching = (async () => {
    while (running) {
      for (const line of await argumentsBelow(process.pid)) seen.add(line);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  return {
    async stop() {
      running = false;
      await watching;
      return [...seen].join('\n');
    },
  };
}

async function argumentsBelow(root: number): Promise<string[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const parents = new Map<number, number>();
  await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      parents.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    }),
  );
  const isBelow = (pid: number | undefined): boolean => {
    for (let at = pid, depth = 0; at && depth < 50; at = parents.get(at), depth++)
      if (parents.get(at) === root) return true;
    return false;
  };
  return Promise.all(
    [...parents.keys()]
      .filter(isBelow)
      .map(async (pid) => (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')),
  );
}
