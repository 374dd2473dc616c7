import {execFile, spawn} from 'node:child_process';
import {mkdir, readdir, readFile} from 'node:fs/promises';
import {dirname, join, relative} from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {type SampleProduct, type VersionName, versionOrder} from './kind.js';
import {shop} from './shop.js';

export type {VersionName} from './kind.js';
export const {backend} = shop;

/**
 * A small real product in a git repository of its own: a static frontend that calls a backend with a database and
 * numbered migrations, in versions that are good, broken at start, broken in the page, and broken only under traffic.
 */

const run = promisify(execFile);

export const versionNames = Object.keys(shop.versions) as VersionName[];

export interface ProductOptions {
  /** Where the repository is made; must be empty or absent. */
  readonly dir: string;
  /** Address that the page calls, without trailing slash. */
  readonly apiUrl: string;
  /** Default: the shop. */
  readonly sample?: SampleProduct;
  /** Further files of every version, by path: workflows, the suite's configuration. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface Product {
  /** A repository with its working tree; `main` is what users would have checked out. */
  readonly dir: string;
  readonly branch: 'main';
  /** Full SHA of each version that it has. The same options always give the same ones. */
  readonly commits: Readonly<Record<VersionName, string>>;
  /** What the page's `<meta name="release">`, both `release.json` and the backend's `x-release` header say. */
  readonly versions: Readonly<Record<VersionName, string>>;
  /** Text that only a whole page holds. */
  readonly pageMarker: string;
  /** Moves `main` and the working tree to a version, as a push does. @returns its commit. */
  release(name: VersionName): Promise<string>;
}

/** Writes the repository with all versions; `main` stands at v1. Each version is also the branch `version/<name>`. */
export async function writeProduct(options: ProductOptions): Promise<Product> {
  await mkdir(options.dir, {recursive: true});
  await git(options.dir, 'init', '-q', '-b', 'main');
  await importCommits(options.dir, await commitStream(options));
  const commits = await readCommits(options.dir);
  const release = async (name: VersionName) => {
    await git(options.dir, 'checkout', '-q', '--force', '-B', 'main', commits[name]);
    return commits[name];
  };
  await release('v1');
  const versions = Object.fromEntries(Object.keys(commits).map((name) => [name, name])) as Record<VersionName, string>;
  return {dir: options.dir, branch: 'main', commits, versions, pageMarker: 'id="catalogue"', release};
}

type Files = ReadonlyMap<string, string>;

/** All commits in git's fast-import language: one process instead of some thirty. */
async function commitStream(options: ProductOptions): Promise<string> {
  const marks = new Map<VersionName, number>();
  const trees = new Map<VersionName, Files>();
  const sample = options.sample ?? shop;
  const base = new Map([...(await filesIn(`${sample.folder}/base`)), ...Object.entries(options.files ?? {})]);
  let stream = '';
  const versions: SampleProduct['versions'] = sample.versions;
  for (const [i, name] of versionOrder.filter((one) => versions[one] !== undefined).entries()) {
    const parent = versions[name];
    const tree = new Map([
      ...(parent ? trees.get(parent)! : base),
      ...(parent ? await filesIn(`${sample.folder}/versions/${name}`) : []),
    ]);
    trees.set(name, tree);
    marks.set(name, i + 1);
    stream += commitOf(
      name,
      i + 1,
      parent ? marks.get(parent) : undefined,
      filled(tree, {...sample.values, __VERSION__: name, __API_URL__: options.apiUrl}),
    );
  }
  return stream;
}

function commitOf(name: VersionName, mark: number, parent: number | undefined, files: Files): string {
  const who = `Corner Shop <shop@example.com> ${1_767_225_600 + mark * 3_600} +0000`;
  const head = `commit refs/heads/version/${name}\nmark :${mark}\nauthor ${who}\ncommitter ${who}\n${data(`shop: ${name}`)}`;
  const from = parent === undefined ? '' : `from :${parent}\n`;
  const blobs = [...files].map(([path, text]) => `M 100644 inline ${path}\n${data(text)}`).join('');
  return `${head}${from}deleteall\n${blobs}\n`;
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`;
}

function filled(files: Files, values: Readonly<Record<string, string>>): Files {
  const fill = (text: string) =>
    Object.entries(values).reduce((filledText, [name, value]) => filledText.replaceAll(name, value), text);
  return new Map([...files].map(([path, text]) => [path, fill(text)]));
}

function importCommits(dir: string, stream: string): Promise<void> {
  const importer = spawn('git', ['-C', dir, 'fast-import', '--quiet', '--done'], {
    env: gitEnv,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let complaint = '';
  importer.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  importer.stdin.end(`${stream}done\n`);
  return new Promise((resolve, reject) => {
    importer.once('error', reject);
    importer.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`git fast-import ended with ${code}: ${complaint}`)),
    );
  });
}

async function readCommits(dir: string): Promise<Record<VersionName, string>> {
  const listed = await git(dir, 'for-each-ref', '--format=%(refname:lstrip=3) %(objectname)', 'refs/heads/version');
  return Object.fromEntries(listed.split('\n').map((line) => line.split(' '))) as Record<VersionName, string>;
}

async function filesIn(folder: string): Promise<Array<[path: string, text: string]>> {
  const root = join(await sources(), folder);
  const entries = await readdir(root, {recursive: true, withFileTypes: true});
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  return Promise.all(
    paths.sort().map(async (path): Promise<[string, string]> => [path, await readFile(join(root, path), 'utf8')]),
  );
}

/** The products' files stand in the sources only, wherever the compiled code runs from. */
export async function sources(): Promise<string> {
  const inside = 'src/rehearsal/product';
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const found = await readdir(join(folder, inside, 'files')).catch(() => undefined);
    if (found) return join(folder, inside);
  }
  throw new Error(`${inside} is not above ${fileURLToPath(import.meta.url)}`);
}

// Nobody's own settings, hooks or templates take part.
const gitEnv = {
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TEMPLATE_DIR: '',
  LC_ALL: 'C',
};

async function git(dir: string, ...args: string[]): Promise<string> {
  const {stdout} = await run('git', ['-c', 'safe.directory=*', '-C', dir, ...args], {env: gitEnv});
  return stdout.trim();
}
