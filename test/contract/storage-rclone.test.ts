import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from '@jest/globals';
import {openRcloneStore} from '../../src/storage/rclone/rclone-store.js';
import {programPath} from './moto.js';
import {describeStore} from './storage-conformance.js';

if (programPath('rclone')) {
  describeStore(
    'any cloud by rclone, here a folder',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'switchback-rclone-'));
      return {
        store: openRcloneStore({
          remote: `:local:${folder}`,
          env: {PATH: process.env['PATH'], RCLONE_CONFIG: join(folder, 'none.conf')},
        }),
        close: () => rm(folder, {recursive: true, force: true}),
      };
    },
    {objects: 12},
  );
} else {
  test.skip('rclone is not installed on this machine', () => {});
}
