import {spawn} from 'node:child_process';
import {existsSync, readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {expect, test} from '@jest/globals';

/** Ctrl-C at any moment of a rehearsal ends it, and nothing of it stays: no process and no file. */

const root = resolve(import.meta.dirname, '..', '..');
const folder = join(root, '.rehearsal');
const worlds = () => (existsSync(folder) ? readdirSync(folder) : []);
const linux = process.platform === 'linux' ? test : test.skip;

/** Processes of a session, and those that work below a folder, wherever they went. */
function processesOf(session: number, places: readonly string[]): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const [state, , , sid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const what = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const where = `${what} ${readlinkSync(`/proc/${pid}/cwd`)}`;
        const ours = Number(sid) === session || places.some((place) => where.includes(place));
        return ours && state !== 'Z' ? [`${pid} ${what}`] : [];
      } catch {
        return [];
      }
    });
}

linux.each<[moment: string, telling: RegExp]>([
  ['while the world starts', /"event":"chapter"/],
  ['in the middle of a step', /"event":"begin".*"job":"backup"/],
])(
  'Ctrl-C %s',
  async (_moment, telling) => {
    const before = new Set(worlds());
    const main = join(root, 'lib/src/rehearsal/main.js');
    // As a terminal does it: a session of its own, and the signal goes to the whole group.
    const child = spawn(process.execPath, [main, '--json', '--scenario', 'good', '--scenario', 'backup'], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let made: string[] = [];
    const ended = new Promise<number | null>((done) => child.on('close', done));
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        const known = telling.test(output);
        output += chunk.toString();
        if (known || !telling.test(output)) return;
        setTimeout(() => {
          made = worlds().filter((name) => !before.has(name));
          process.kill(-child.pid!, 'SIGINT');
        }, 700);
      });
    const code = await ended;
    expect({code, ran: output.includes('"conclusion":"success"')}).toEqual({code: 1, ran: false});
    expect(made.length).toBeGreaterThan(0);
    // Worlds of tests beside this one go within their own time.
    const left = () => worlds().filter((name) => made.includes(name));
    for (const until = Date.now() + 120_000; left().length && Date.now() < until; )
      await new Promise((done) => setTimeout(done, 200));
    expect(left()).toEqual([]);
    expect(
      processesOf(
        child.pid!,
        made.map((name) => join(folder, name)),
      ),
    ).toEqual([]);
  },
  300_000,
);
