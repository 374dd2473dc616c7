import {createHash} from 'node:crypto';
import {getTransformedRoutes} from '@vercel/routing-utils';
import {readTree, subtree, type Tree, unpackArchive} from './archive.js';
import {contentType} from './content-type.js';
import type {ProjectOptions} from './options.js';
import {type Route, routed, type SiteAnswer} from './site-routes.js';

/** What a deployment serves: its static output and its routes. */
export interface Site {
  /** Decoded path with a leading slash; undefined when nothing is there. */
  answer(path: string, method: string): SiteAnswer | undefined;
  /** What the build ended with when it failed. */
  readonly buildError?: {readonly code: string; readonly message: string; readonly step: string};
}

export interface SiteSettings {
  readonly prebuilt: boolean;
  readonly rootDirectory?: string;
  readonly outputDirectory?: string;
  /** Top level keys of `vercel.json` that were sent in the body of the request; they win over the file. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The project's build step, and the deployment it is told to build. */
  readonly build?: ProjectOptions['build'];
  readonly deploymentId: string;
  /** What a build gets as its environment. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * Makes a site of the uploaded files. Unless the project has a build step, static files and prebuilt output are served
 * as they are, with `vercel.json` honoured, and a file named `build-fails` makes the build end in error with its text.
 */
export async function buildSite(uploaded: Tree, settings: SiteSettings): Promise<Site> {
  const tree = subtree(await unpackArchive(uploaded), settings.rootDirectory ?? '');
  const reason = readTree(tree, 'build-fails');
  if (reason)
    return failed('BUILD_FAILED', reason.toString().trim() || 'Command "npm run build" exited with 1', 'buildStep');
  try {
    return settings.prebuilt ? prebuiltSite(tree) : sourceSite(await built(tree, settings), settings);
  } catch (error) {
    return failed('INVALID_CONFIGURATION', error instanceof Error ? error.message : String(error), 'readConfigStep');
  }
}

/** What a deployment has that was refused before it could be built. */
export const emptySite: Site = {answer: () => undefined};

function failed(code: string, message: string, step: string): Site {
  return {...emptySite, buildError: {code, message, step}};
}

async function built(tree: Tree, {build, deploymentId, variables}: SiteSettings): Promise<Tree> {
  if (!build) return tree;
  const sources = [...tree.keys()].flatMap((path) => {
    const content = readTree(tree, path);
    return content ? [[path, content] as const] : [];
  });
  return new Map(await build(new Map(sources), deploymentId, variables));
}

function prebuiltSite(tree: Tree): Site {
  const output = subtree(tree, '.vercel/output');
  const text = readTree(output, 'config.json');
  if (!text) throw new Error('The file ".vercel/output/config.json" is missing');
  const config = JSON.parse(text.toString()) as {version?: number; routes?: Route[]};
  if (config.version !== 3) throw new Error('The "version" of ".vercel/output/config.json" must be 3');
  return serving(subtree(output, 'static'), config.routes ?? []);
}

function sourceSite(tree: Tree, settings: SiteSettings): Site {
  const text = readTree(tree, 'vercel.json');
  const config = {...((text ? JSON.parse(text.toString()) : {}) as Record<string, unknown>), ...settings.config};
  const {routes, error} = getTransformedRoutes(
    pick(config, ['cleanUrls', 'trailingSlash', 'headers', 'redirects', 'rewrites', 'routes']),
  );
  if (error) throw new Error(error.message);
  const folder = settings.outputDirectory ?? (config.outputDirectory as string | undefined) ?? defaultOutput(tree);
  return serving(withoutConfiguration(subtree(tree, folder)), (routes ?? []) as Route[], config.cleanUrls === true);
}

// The platform serves `public` when a project without a framework has one.
function defaultOutput(tree: Tree): string {
  return [...tree.keys()].some((path) => path.startsWith('public/')) ? 'public' : '.';
}

function withoutConfiguration(tree: Tree): Tree {
  return new Map([...tree].filter(([path]) => !/^(vercel\.json|package(-lock)?\.json|\.vercel\/.*)$/.test(path)));
}

function serving(tree: Tree, routes: readonly Route[], cleanUrls = false): Site {
  const file = (path: string): SiteAnswer | undefined => {
    const found = candidates(path, cleanUrls).find((name) => readTree(tree, name) !== undefined);
    return found === undefined ? undefined : fileAnswer(found, readTree(tree, found)!);
  };
  return {
    answer: (path, method) => routed(routes, path, method, file) ?? missing(file),
  };
}

function candidates(path: string, cleanUrls: boolean): string[] {
  const name = path.replace(/^\//, '');
  const folder = name === '' || name.endsWith('/') ? name : `${name}/`;
  return [
    ...(name === '' || name.endsWith('/') ? [] : [name]),
    `${folder}index.html`,
    ...(cleanUrls && name ? [`${name}.html`] : []),
  ];
}

function fileAnswer(name: string, body: Buffer): SiteAnswer {
  const etag = `"${createHash('md5').update(body).digest('hex')}"`;
  const disposition = `inline; filename="${encodeURIComponent(name.split('/').at(-1)!)}"`;
  const headers = {
    'content-type': contentType(name),
    'content-disposition': disposition,
    etag,
    'cache-control': 'public, max-age=0, must-revalidate',
  };
  return {status: 200, headers, body};
}

function missing(file: (path: string) => SiteAnswer | undefined): SiteAnswer | undefined {
  const page = file('/404.html');
  return page ? {...page, status: 404} : undefined;
}

function pick(config: Record<string, unknown>, keys: readonly string[]): Record<string, never> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => keys.includes(key))) as Record<string, never>;
}
