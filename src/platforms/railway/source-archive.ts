import {createReadStream, type Dirent} from 'node:fs';
import {readdir, readFile, realpath, stat} from 'node:fs/promises';
import {join, relative, sep} from 'node:path';
import {pipeline} from 'node:stream/promises';
import ignore, {type Ignore} from 'ignore';
import {type Pack, pack} from 'tar-stream';
import {Failure, messageOf} from '../../kernel/errors.js';
import {cleanLine} from './clean.js';

// Never part of a build, whatever the ignore files say; `.env` because it holds secrets on developers' machines.
const never = ignore().add(['.git', 'node_modules', '.env', '.env.*', '!.env.example']);

/** One ignore file's rules, relative to its own folder. */
interface Rules {
  readonly folder: string;
  readonly rules: Ignore;
}

/**
 * A tar of the folder as Railway's upload wants it: names start with `./`, links are followed, `.gitignore` and
 * `.railwayignore` of every level are kept to. Streams; holds one file's chunk at a time. Sorted, so that the same
 * folder gives the same archive. A link that leads out of the folder is left out and told.
 */
export function sourceArchive(folder: string, tell: (line: string) => void): Pack {
  const archive = pack();
  void fill(archive, folder, tell).then(
    () => archive.finalize(),
    (error: unknown) => archive.destroy(error instanceof Failure ? error : unreadable(folder, error)),
  );
  return archive;
}

async function fill(archive: Pack, folder: string, tell: (line: string) => void): Promise<void> {
  const root = await realpath(folder);
  const walk = new Walk(archive, root, tell);
  await walk.into(root, '', [], [root]);
  if (walk.files === 0)
    throw new Failure('RAILWAY_FOLDER', `There is no file to upload in ${cleanLine(folder, 200)}`, {
      remedy: 'Pass the folder of the backend; look at its ignore files.',
    });
  tell(`railway: uploading ${walk.files} files`);
}

class Walk {
  files = 0;

  constructor(
    private readonly archive: Pack,
    private readonly root: string,
    private readonly tell: (line: string) => void,
  ) {}

  /** @param path relative to the root with `/`, empty for the root. @param trail real folders above, against loops. */
  async into(folder: string, path: string, outer: readonly Rules[], trail: readonly string[]): Promise<void> {
    const rules = [...outer, ...(await rulesOf(folder, path))];
    const entries = (await readdir(folder, {withFileTypes: true})).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries)
      await this.entry(entry, folder, path ? `${path}/${entry.name}` : entry.name, rules, trail);
  }

  private async entry(
    entry: Dirent,
    folder: string,
    path: string,
    rules: readonly Rules[],
    trail: readonly string[],
  ): Promise<void> {
    const real = entry.isSymbolicLink()
      ? await this.followed(join(folder, entry.name), path)
      : join(folder, entry.name);
    if (!real) return;
    const info = await stat(real);
    if (isIgnored(path, info.isDirectory(), rules)) return;
    if (info.isDirectory()) {
      if (!trail.includes(real)) await this.into(real, path, rules, [...trail, real]);
    } else if (info.isFile()) {
      await this.add(real, path, info);
    }
  }

  private async followed(link: string, path: string): Promise<string | undefined> {
    const real = await realpath(link).catch(() => undefined);
    if (real && (real === this.root || real.startsWith(this.root + sep))) return real;
    this.tell(
      `railway: left out ${cleanLine(path, 200)}: the link ${real ? 'leads out of the folder' : 'leads nowhere'}`,
    );
    return undefined;
  }

  private async add(file: string, path: string, info: {size: number; mode: number; mtime: Date}): Promise<void> {
    const entry = this.archive.entry({
      name: `./${path}`,
      size: info.size,
      mode: info.mode & 0o777,
      mtime: info.mtime,
      type: 'file',
    });
    await pipeline(info.size > 0 ? createReadStream(file, {end: info.size - 1}) : [], entry);
    this.files++;
  }
}

async function rulesOf(folder: string, path: string): Promise<Rules[]> {
  const texts = await Promise.all(
    ['.gitignore', '.railwayignore'].map((name) => readFile(join(folder, name), 'utf8').catch(() => '')),
  );
  return texts.some(Boolean) ? [{folder: path, rules: ignore().add(texts[0]!).add(texts[1]!)}] : [];
}

/** The innermost file that has an opinion decides, as git does it. */
function isIgnored(path: string, directory: boolean, rules: readonly Rules[]): boolean {
  if (never.ignores(path)) return true;
  for (const one of [...rules].reverse()) {
    const inside = one.folder ? relative(one.folder, path).split(sep).join('/') : path;
    const verdict = one.rules.test(directory ? `${inside}/` : inside);
    if (verdict.ignored || verdict.unignored) return verdict.ignored;
  }
  return false;
}

function unreadable(folder: string, error: unknown): Failure {
  return new Failure(
    'RAILWAY_FOLDER',
    `The folder ${cleanLine(folder, 200)} could not be read: ${cleanLine(messageOf(error), 200)}`,
    {remedy: 'Pass an existing folder that this job may read.', cause: error},
  );
}
