import {chmod, mkdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {restoreDatabase} from '../../src/backup/restore-database.js';
import {checkPlaintext} from '../../src/backup/verify-set.js';
import {writeSet} from '../../src/backup/write-set.js';
import {dumpClient, findClientTools} from '../../src/postgres/client-tools.js';
import {type BackupWorld, startBackupWorld} from './backup-world.js';

/** A machine without any PostgreSQL client but with a container engine; the engine here runs this machine's programs. */
describe('clients from a container', () => {
  let world: BackupWorld;
  let env: Record<string, string>;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    world = await startBackupWorld();
    const folder = join(world.folder, 'engine');
    await mkdir(folder);
    const script = `#!/bin/bash
echo "$@" >> ${folder}/log
[ "$1" = run ] || exit 1
shift; passed=(PATH=${world.server.binDir}:/usr/bin:/bin)
while [ "\${1#--}" != "$1" ]; do case "$1" in
  --env) passed+=("$2=\${!2}"); shift 2;;
  --network) shift 2;;
  *) shift;;
esac; done
shift
exec /usr/bin/env -i "\${passed[@]}" "$@"
`;
    await writeFile(join(folder, 'docker'), script);
    await chmod(join(folder, 'docker'), 0o755);
    env = {PATH: folder, SWITCHBACK_PG_BIN: join(world.folder, 'none')};
  }, 120_000);
  afterAll(async () => world?.[Symbol.asyncDispose]());

  // The folders of packages are looked at wherever PATH points; this test needs a machine where they hold nothing.
  const hidden = {SWITCHBACK_PG_LAYOUTS: ''};

  test('dump, check and restore, with the password in no argument', async () => {
    const url = await world.database('shop');
    const set = await writeSet(world.requestFor(url), {store: world.store, signal, env: {...env, ...hidden}});
    expect(set.manifest.parts[0]!.plaintext.bytes).toBeGreaterThan(10_000);
    expect(
      await checkPlaintext({
        store: world.store,
        manifest: set.manifest,
        signal,
        keys: [world.unlocked],
        env: {...env, ...hidden},
      }),
    ).toMatchObject({tables: 5});
    const restored = await restoreDatabase({
      store: world.store,
      manifest: set.manifest,
      keys: [world.unlocked],
      server: world.admin,
      database: 'again',
      owners: 'drop',
      env: {...env, ...hidden},
      signal,
    });
    expect(restored.comparison.differences).toEqual([]);
    const log = await readFile(join(world.folder, 'engine/log'), 'utf8');
    expect(log).toContain(`postgres:${world.server.major} pg_dump --format=custom`);
    expect(log).toContain('--env PGPASSWORD');
    expect(log).not.toContain(world.server.password);
  });

  test('are not asked for where the machine has its own', async () => {
    expect((await dumpClient(world.server.major, process.env)).container).toBeUndefined();
  });

  test('are named plainly as missing where there is neither', async () => {
    expect(await findClientTools({PATH: '/nonexistent', ...hidden})).toEqual([]);
    await expect(dumpClient(16, {PATH: '/nonexistent', ...hidden})).rejects.toMatchObject({
      code: 'DATABASE_CLIENT',
      remedy: expect.stringContaining('postgresql-client-16'),
    });
  });
});
