import {readdir, readFile, stat} from 'node:fs/promises';
import {dirname, join, relative, sep} from 'node:path';
import ignore, {type Ignore} from 'ignore';

/** What of a folder is uploaded. All paths are relative to it, with `/`. */
export interface Selection {
  readonly files: readonly string[];
  /** Symbolic links, uploaded as links. */
  readonly links: readonly string[];
  /** Folders without any content of their own; kept because builds may rely on them. */
  readonly emptyFolders: readonly string[];
  /** `.env*` files left out, so that a reader can be told. */
  readonly environmentFiles: readonly string[];
}

/** What the platform's client leaves out anyway; repeated here so that such folders are never walked. */
const neverUploaded = [
  '.hg',
  '.git',
  '.gitmodules',
  '.svn',
  '.cache',
  '.next',
  '.now',
  '.vercel',
  '.npmignore',
  '.dockerignore',
  '.gitignore',
  '.*.swp',
  '.DS_Store',
  '.wafpicke-*',
  '.lock-wscript',
  '.venv',
  '.yarn/cache',
  '.pnp*',
  'npm-debug.log',
  'config.gypi',
  'node_modules',
  '__pycache__',
  'venv',
  'CVS',
];

/** The client uploads `.env`; secrets belong in the project's settings, so none of them leaves the machine. */
const environmentRule = '.env*';

/**
 * Chooses what to upload: everything but version control and caches, `.env*` files, what `.gitignore` files (nested
 * ones and those above, up to the repository's root) exclude, and what `.vercelignore` excludes. A `!pattern` in
 * `.vercelignore` brings back what the others left out.
 * @param root absolute folder.
 */
export async function selectUpload(root: string): Promise<Selection> {
  const vercelIgnore = ignore().add(await vercelRules(root));
  const walk: Walk = {root, vercelIgnore, files: [], links: [], emptyFolders: [], environmentFiles: []};
  await visit(walk, '', await rulesAbove(root));
  return walk;
}

interface Walk {
  readonly root: string;
  readonly vercelIgnore: Ignore;
  readonly files: string[];
  readonly links: string[];
  readonly emptyFolders: string[];
  readonly environmentFiles: string[];
}

/** The rules of one `.gitignore`, for paths relative to its folder. */
interface Layer {
  readonly folder: string;
  readonly rules: Ignore;
}

/** @returns true when the folder gave anything to upload. */
async function visit(walk: Walk, folder: string, inherited: readonly Layer[]): Promise<boolean> {
  const absolute = join(walk.root, folder);
  const own = await gitRules(absolute);
  const layers = own ? [...inherited, {folder: absolute, rules: own}] : inherited;
  let gave = false;
  for (const entry of await readdir(absolute, {withFileTypes: true})) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const isFolder = entry.isDirectory();
    if (isLeftOut(walk, layers, path, isFolder)) {
      if (!isFolder && isEnvironmentFile(entry.name)) walk.environmentFiles.push(path);
      continue;
    }
    if (isFolder) await visit(walk, path, layersInside(walk, layers, path));
    else if (entry.isSymbolicLink()) walk.links.push(path);
    else if (entry.isFile()) walk.files.push(path);
    else continue;
    gave = true;
  }
  if (!gave && folder !== '') walk.emptyFolders.push(folder);
  return gave;
}

const isEnvironmentFile = (name: string): boolean => name.startsWith('.env');

function isLeftOut(walk: Walk, layers: readonly Layer[], path: string, isFolder: boolean): boolean {
  const tested = isFolder ? `${path}/` : path;
  const asked = walk.vercelIgnore.test(tested);
  if (asked.unignored) return false;
  if (asked.ignored) return true;
  // The nearest file that says anything decides, as git does it.
  for (const layer of [...layers].reverse()) {
    const said = layer.rules.test(relativeTo(layer.folder, join(walk.root, path)) + (isFolder ? '/' : ''));
    if (said.ignored) return true;
    if (said.unignored) return false;
  }
  return false;
}

/** In a folder that `.vercelignore` brought back, the rules that had left it out whole no longer speak. */
function layersInside(walk: Walk, layers: readonly Layer[], folder: string): readonly Layer[] {
  if (!walk.vercelIgnore.test(`${folder}/`).unignored) return layers;
  return layers.filter((layer) => !layer.rules.ignores(`${relativeTo(layer.folder, join(walk.root, folder))}/`));
}

async function vercelRules(root: string): Promise<string[]> {
  const own = (await readText(join(root, '.vercelignore'))) ?? (await readText(join(root, '.nowignore'))) ?? '';
  const isRust = (await readText(join(root, 'Cargo.toml'))) !== undefined;
  // Same reading as the platform's client, which drops a leading `./`.
  const ownRules = own.split(/\r?\n/).map((line) => line.replace(/^\.\//, ''));
  return [...neverUploaded, environmentRule, ...(isRust ? ['/target'] : []), ...ownRules];
}

async function gitRules(folder: string): Promise<Ignore | undefined> {
  const rules = await readText(join(folder, '.gitignore'));
  return rules === undefined ? undefined : ignore().add(rules);
}

/** The `.gitignore` files between the repository's root and the folder; none when they exclude the folder itself. */
async function rulesAbove(root: string): Promise<Layer[]> {
  const layers: Layer[] = [];
  let folder = root;
  while (!(await exists(join(folder, '.git')))) {
    const parent = dirname(folder);
    if (parent === folder) return [];
    folder = parent;
    const rules = await gitRules(folder);
    if (rules) layers.unshift({folder, rules});
  }
  // Whoever uploads an ignored folder, such as a build's output, means its content.
  const isExcluded = layers.some((layer) => layer.rules.ignores(`${relativeTo(layer.folder, root)}/`));
  return isExcluded ? [] : layers;
}

const relativeTo = (folder: string, path: string): string => relative(folder, path).split(sep).join('/');

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'EISDIR', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
