import {readdir, readFile} from 'node:fs/promises';
import {join, relative} from 'node:path';
import {parseEnv} from 'node:util';

/** What a repository tells about its product; paths are relative to its root. */
export interface RepositoryFacts {
  readonly frontendPath?: string;
  readonly vercelProject?: string;
  readonly vercelTeam?: string;
  readonly backendPath?: string;
  readonly migrations?: string;
  /** `deploy.healthcheckPath` of railway.json. */
  readonly healthPath?: string;
  /** Variables of the frontend that hold the backend's address, by the examples of its environment files. */
  readonly backendVariables?: readonly string[];
}

const frontendFiles =
  /^(vercel\.json|next\.config\.\w+|nuxt\.config\.\w+|svelte\.config\.\w+|astro\.config\.\w+|vite\.config\.\w+)$/;
const backendFiles =
  /^(railway\.(json|toml)|nixpacks\.toml|Procfile|Dockerfile|requirements\.txt|pyproject\.toml|go\.mod|Cargo\.toml|Gemfile)$/;
const frontendNames = /^(frontend|web|client|site|www)$/;
const backendNames = /^(backend|api|server)$/;
const skipped = new Set(['node_modules', '.git', '.next', '.venv', 'dist', 'build', 'lib', 'coverage']);

/** Looks at most four folders deep, at names, `railway.json`, `.vercel/project.json` and `.env.example` only. */
export async function readRepository(root: string): Promise<RepositoryFacts> {
  const folders = await foldersBelow(root, 4);
  const shallow = folders.filter(({path}) => path.split('/').length <= 2);
  const frontend = pick(shallow, frontendFiles, frontendNames);
  const backend = pick(
    shallow.filter(({path}) => path !== frontend),
    backendFiles,
    backendNames,
  );
  const migrations = folders.find(({path}) => /(^|\/)(migrations|alembic\/versions|db\/migrate)$/.test(path))?.path;
  return {
    ...(frontend !== undefined && {frontendPath: frontend}),
    ...(backend !== undefined && {backendPath: backend}),
    ...(migrations && {migrations}),
    ...(await healthcheck(root, backend ?? '.')),
    ...(await linkedProject(root, frontend ?? '.')),
    ...(await backendVariables(root, frontend ?? '.')),
  };
}

interface Folder {
  readonly path: string;
  readonly files: readonly string[];
}

/** A telling file decides, then a telling name; the root comes last, since it often holds a Dockerfile for both. */
function pick(folders: readonly Folder[], files: RegExp, names: RegExp): string | undefined {
  const ranked = [...folders].sort((a, b) => Number(a.path === '.') - Number(b.path === '.'));
  const named = (folder: Folder) => names.test(folder.path.split('/').at(-1)!);
  const telling = (folder: Folder) => folder.files.some((file) => files.test(file));
  return (ranked.find((folder) => named(folder) && telling(folder)) ?? ranked.find(telling) ?? ranked.find(named))
    ?.path;
}

async function foldersBelow(root: string, depth: number, folder = root): Promise<Folder[]> {
  const entries = await readdir(folder, {withFileTypes: true}).catch(() => []);
  const own = {
    path: relative(root, folder) || '.',
    files: entries.filter((entry) => entry.isFile()).map(({name}) => name),
  };
  if (depth === 0) return [own];
  const below = entries.filter(
    (entry) => entry.isDirectory() && !skipped.has(entry.name) && !entry.name.startsWith('.'),
  );
  const deeper = await Promise.all(below.map(({name}) => foldersBelow(root, depth - 1, join(folder, name))));
  return [own, ...deeper.flat()];
}

async function linkedProject(
  root: string,
  frontend: string,
): Promise<Pick<RepositoryFacts, 'vercelProject' | 'vercelTeam'>> {
  for (const folder of [frontend, '.']) {
    try {
      const text = await readFile(join(root, folder, '.vercel', 'project.json'), 'utf8');
      const {projectId, orgId} = JSON.parse(text) as {projectId?: unknown; orgId?: unknown};
      if (typeof projectId !== 'string') continue;
      return {
        vercelProject: projectId,
        ...(typeof orgId === 'string' && orgId.startsWith('team_') && {vercelTeam: orgId}),
      };
    } catch {
      // Not linked here.
    }
  }
  return {};
}

// Only the product's own: `STRIPE_API_URL` is somebody else's address.
const ofBackend =
  /^(NEXT_PUBLIC_|NUXT_PUBLIC_|EXPO_PUBLIC_|PUBLIC_|REACT_APP_|VITE_)?(API|BACKEND)(_[A-Z]+)*_?(URL|ORIGIN|HOST)$/;

/** Files with examples hold names and no secrets; those that hold values are not opened. */
async function backendVariables(root: string, frontend: string): Promise<Pick<RepositoryFacts, 'backendVariables'>> {
  const files = ['.env.example', '.env.sample', '.env.template'].map((name) => join(root, frontend, name));
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  const names = Object.keys(parseEnv(texts.join('\n')));
  const found = names.filter((name) => ofBackend.test(name));
  return found.length ? {backendVariables: found} : {};
}

async function healthcheck(root: string, backend: string): Promise<Pick<RepositoryFacts, 'healthPath'>> {
  try {
    const text = await readFile(join(root, backend, 'railway.json'), 'utf8');
    const path = (JSON.parse(text) as {deploy?: {healthcheckPath?: unknown}}).deploy?.healthcheckPath;
    return typeof path === 'string' && path.startsWith('/') ? {healthPath: path} : {};
  } catch {
    return {};
  }
}
