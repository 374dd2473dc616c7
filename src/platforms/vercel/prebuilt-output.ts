import {readFile, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {Failure} from '../../kernel/errors.js';
import {oneLine} from '../../kernel/text.js';
import {type Json, record, records, text} from './json.js';

/**
 * Checks what the client library does not: that `.vercel/output` is there, was built for production, and built well.
 * @returns its absolute path.
 * @throws Failure VERCEL_PREBUILT; nothing was sent.
 */
export async function checkPrebuilt(root: string, rootDirectory: string | undefined): Promise<string> {
  const output = join(root, rootDirectory ?? '', '.vercel', 'output');
  if (!(await isFile(join(output, 'config.json')))) {
    throw refused(
      `${output} holds no build output (config.json is missing)`,
      'Run `vercel build --prod` before this step, in the same job, or turn `prebuilt` off.',
    );
  }
  const builds = await readBuilds(join(output, 'builds.json'));
  if (!builds) return output;
  const target = text(builds.target);
  if (target !== undefined && target !== 'production') {
    throw refused(
      `the output was built for ${oneLine(target, 40)}, not for production`,
      'Build it again with `vercel build --prod`.',
    );
  }
  const failed = [record(builds.error), ...records(builds.builds).map((build) => record(build.error))].find(
    (error) => error !== undefined,
  );
  if (failed) {
    throw refused(
      `the build that made the output failed: ${oneLine(text(failed.message) ?? text(failed.code) ?? 'no message', 300)}`,
      'Make `vercel build --prod` succeed first; its exit code was lost on the way here.',
    );
  }
  return output;
}

/** Made by the command line only; output of other tools has none. */
async function readBuilds(file: string): Promise<Json | undefined> {
  if (!(await isFile(file))) return undefined;
  try {
    return record(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    throw refused(`${file} is not valid JSON`, 'Build the output again with `vercel build --prod`.');
  }
}

const refused = (what: string, remedy: string): Failure =>
  new Failure('VERCEL_PREBUILT', `The prebuilt output cannot be deployed: ${what}`, {remedy});

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
