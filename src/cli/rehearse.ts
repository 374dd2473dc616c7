import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {Failure} from '../kernel/errors.js';

const script = fileURLToPath(new URL('../../../scripts/rehearse.mjs', import.meta.url));

/**
 * Hands over to the rehearsal, which takes its own flags; resolves to its exit code.
 * @throws Failure NO_CHECKOUT when Switchback was installed as a package: the stand-ins are not part of it.
 */
export async function rehearse(args: readonly string[]): Promise<number> {
  if (!existsSync(script)) {
    throw new Failure('NO_CHECKOUT', 'The rehearsal is not part of the installed package', {
      remedy: "Clone Switchback's repository, then run `npm ci && npm run rehearse` in it.",
    });
  }
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [script, ...args], {stdio: 'inherit'});
    child.on('error', reject);
    child.on('close', (status, signal) => done(status ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}
