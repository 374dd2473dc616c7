import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {Failure, messageOf} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import {type Json, record} from './json.js';

/** Keys that the command line maps into `projectSettings`. */
const settingKeys: Readonly<Record<string, string>> = {
  buildCommand: 'buildCommand',
  devCommand: 'devCommand',
  installCommand: 'installCommand',
  outputDirectory: 'outputDirectory',
  framework: 'framework',
  ignoreCommand: 'commandForIgnoringBuildStep',
};

/**
 * Keys that are not for the request: read by builds only (`images`), never sent by the command line, or ours to set.
 * `alias` would move production hosts on creation. The build settings are known to the published interface inside
 * `projectSettings` only.
 */
const notSent = new Set([
  ...Object.keys(settingKeys),
  '$schema',
  'images',
  'scope',
  'github',
  'public',
  'name',
  'alias',
  'version',
  'files',
  'target',
  'meta',
  'project',
  'autoAssignCustomDomains',
  'projectSettings',
]);

export interface VercelConfig {
  /** Keys for the body of the create request. */
  readonly body: Json;
  readonly projectSettings: Json;
}

/**
 * Reads `vercel.json` as the command line does, since the client library does not: its keys go into the request, the
 * build settings into `projectSettings`. The one in the app's folder wins over the one at the top.
 * @throws Failure VERCEL_JSON when there is one that is not a JSON object.
 */
export async function readVercelConfig(root: string, rootDirectory: string | undefined): Promise<VercelConfig> {
  const folders = rootDirectory ? [join(root, rootDirectory), root] : [root];
  for (const folder of folders) {
    const found = await readJsonFile(join(folder, 'vercel.json'));
    if (found) return {body: bodyOf(found), projectSettings: settingsOf(found)};
  }
  return {body: {}, projectSettings: {}};
}

const bodyOf = (config: Json): Json => Object.fromEntries(Object.entries(config).filter(([key]) => !notSent.has(key)));

/** With `builds` the project is not configured by settings at all. */
function settingsOf(config: Json): Json {
  if (Array.isArray(config.builds) && config.builds.length > 0) return {};
  const given = Object.entries(settingKeys).filter(([key]) => config[key] !== undefined);
  return Object.fromEntries(given.map(([key, setting]) => [setting, config[key]]));
}

async function readJsonFile(file: string): Promise<Json | undefined> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Failure('VERCEL_JSON', `${file} could not be read: ${oneLine(messageOf(error), 200)}`, {
      remedy: 'Make the file readable for this step.',
    });
  }
  const parsed = parse(content, file);
  if (parsed) return parsed;
  throw new Failure('VERCEL_JSON', `${file} does not hold a JSON object`, {
    remedy: 'Correct vercel.json; see https://vercel.com/docs/project-configuration.',
  });
}

function parse(content: string, file: string): Json | undefined {
  try {
    return record(JSON.parse(content));
  } catch (error) {
    throw new Failure('VERCEL_JSON', `${file} is not valid JSON: ${oneLine(messageOf(error), 200)}`, {
      remedy: 'Correct vercel.json at the place that the message names.',
    });
  }
}
