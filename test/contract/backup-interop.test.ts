import {createHash} from 'node:crypto';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {encryptTo} from '../../src/crypto/envelope.js';
import {decryptWith, signDetached, unlockPrivateKey, verifyDetached} from '../../src/crypto/private-key.js';
import {loadRecipients} from '../../src/crypto/recipients.js';
import {makeKeys} from '../../src/rehearsal/keys.js';
import {startS3} from '../../src/rehearsal/s3/stand-in.js';
import {openS3Store} from '../../src/storage/s3/s3-store.js';
import {run, startGnupg} from '../twin/backup-world.js';
import {programPath, testCredentials} from './moto.js';

// Around the pieces packets are cut into: ours hold 131,072 bytes, the first one six fewer of the data.
const sizes = [0, 1, 511, 512, 513, 65_536, 131_027, 131_065, 131_066, 131_067, 262_138, 262_139, 1_000_000];

describe('GnuPG and this software', () => {
  let folder: string;
  let gnupg: Awaited<ReturnType<typeof startGnupg>>;
  let keys: Awaited<ReturnType<typeof makeKeys>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'switchback-interop-'));
    keys = await makeKeys();
    gnupg = await startGnupg(keys.privateKey);
  }, 120_000);
  afterAll(async () => {
    await gnupg?.close();
    await rm(folder, {recursive: true, force: true});
  });
  const gpg = (...args: string[]) =>
    run('gpg', ['--homedir', gnupg.home, '--batch', '--quiet', '--yes', '--trust-model', 'always', ...args]);

  test.each(sizes)('what we encrypt (%d bytes) gpg decrypts', async (bytes) => {
    const recipients = await loadRecipients([keys.publicKey], {nowMs: Date.now()});
    const body = pattern(bytes);
    await writeFile(join(folder, 'ours.pgp'), await collect(encryptTo(recipients, pieces(body, 997))));
    await gnupg.decrypt(join(folder, 'ours.pgp'), join(folder, 'ours.out'));
    expect((await readFile(join(folder, 'ours.out'))).equals(body)).toBe(true);
  });

  test('the packets are those that GnuPG 2.2 and 2.4 read: a key packet, then data with integrity protection, version 1', async () => {
    const recipients = await loadRecipients([keys.publicKey], {nowMs: Date.now()});
    await writeFile(join(folder, 'ours.pgp'), await collect(encryptTo(recipients, pieces(pattern(5_000), 997))));
    const {stdout} = await gpg('--list-packets', join(folder, 'ours.pgp'));
    expect(stdout).toMatch(/:pubkey enc packet: version 3/);
    expect(stdout).toMatch(/:encrypted data packet:[\s\S]*mdc_method: 2/);
    expect(stdout).not.toContain(':compressed packet');
  });

  test.each(sizes)('what gpg encrypts (%d bytes) we decrypt', async (bytes) => {
    const body = pattern(bytes);
    await writeFile(join(folder, 'theirs'), body);
    await gpg(
      '-z0',
      '--recipient',
      'rehearsal@switchback.invalid',
      '--output',
      join(folder, 'theirs.pgp'),
      '--encrypt',
      join(folder, 'theirs'),
    );
    const key = await unlockPrivateKey(keys.privateKey);
    expect(
      (await collect(decryptWith([key], pieces(await readFile(join(folder, 'theirs.pgp')), 4_096)))).equals(body),
    ).toBe(true);
  });

  test('a signature of ours gpg verifies, and one of gpg we verify', async () => {
    const body = pattern(10_000);
    await writeFile(join(folder, 'signed'), body);
    await writeFile(join(folder, 'signed.asc'), await signDetached(await unlockPrivateKey(keys.privateKey), body));
    await expect(gpg('--verify', join(folder, 'signed.asc'), join(folder, 'signed'))).resolves.toBeDefined();
    await gpg('--armor', '--detach-sign', '--output', join(folder, 'gpg.asc'), join(folder, 'signed'));
    const theirs = await readFile(join(folder, 'gpg.asc'), 'utf8');
    expect(await verifyDetached(body, theirs, [keys.publicKey])).toMatch(/^[0-9A-F]{40}$/);
    await expect(verifyDetached(pattern(9_999), theirs, [keys.publicKey])).rejects.toMatchObject({code: 'SIGNATURE'});
    await expect(verifyDetached(body, theirs, [(await makeKeys()).publicKey])).rejects.toMatchObject({
      code: 'SIGNATURE',
    });
  });

  test('a key that is locked needs its passphrase', async () => {
    const {encryptKey, readPrivateKey} = await import('openpgp');
    const locked = (
      await encryptKey({privateKey: await readPrivateKey({armoredKey: keys.privateKey}), passphrase: 'correct horse'})
    ).armor();
    await expect(unlockPrivateKey(locked)).rejects.toMatchObject({code: 'PRIVATE_KEY'});
    await expect(unlockPrivateKey(locked, 'wrong horse')).rejects.toMatchObject({
      code: 'PRIVATE_KEY',
      message: expect.not.stringContaining('wrong horse'),
    });
    expect((await unlockPrivateKey(locked, 'correct horse')).fingerprint).toMatch(/^[0-9A-F]{40}$/);
  });
});

describe('other clients of the same store', () => {
  const body = pattern(18_000_000);
  const digest = createHash('sha256').update(body).digest('hex');

  async function stored() {
    const s3 = await startS3({...testCredentials, buckets: ['backups']});
    const store = openS3Store({
      bucket: 'backups',
      prefix: 'sb',
      region: 'us-east-1',
      endpoint: s3.url,
      pathStyle: true,
      credentials: testCredentials,
    });
    await store.upload('v1/object.pgp', pieces(body, 1_000_003), {ifAbsent: true});
    store.close();
    return s3;
  }
  const shaOf = async (command: string, args: string[], env: Record<string, string>) => {
    const {stdout} = await run(command, args, {
      env: {PATH: process.env['PATH'], HOME: '/nonexistent', ...env},
      encoding: 'buffer',
      maxBuffer: 64_000_000,
    });
    return createHash('sha256')
      .update(stdout as unknown as Buffer)
      .digest('hex');
  };

  const readers: ReadonlyArray<readonly [program: string, read: (endpoint: string) => Promise<string>]> = [
    [
      'aws',
      (endpoint) =>
        shaOf('aws', ['--endpoint-url', endpoint, 's3', 'cp', '--quiet', 's3://backups/sb/v1/object.pgp', '-'], {
          AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
          AWS_DEFAULT_REGION: 'us-east-1',
        }),
    ],
    [
      'rclone',
      (endpoint) =>
        shaOf('rclone', ['cat', ':s3:backups/sb/v1/object.pgp'], {
          RCLONE_CONFIG: '/nonexistent/rclone.conf',
          RCLONE_S3_PROVIDER: 'Other',
          RCLONE_S3_ENDPOINT: endpoint,
          RCLONE_S3_REGION: 'us-east-1',
          RCLONE_S3_ACCESS_KEY_ID: testCredentials.accessKeyId,
          RCLONE_S3_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
        }),
    ],
  ];
  for (const [program, read] of readers) {
    const check = programPath(program) ? test : test.skip;
    check(`${program} reads, byte for byte, what we uploaded in parts`, async () => {
      await using s3 = await stored();
      expect(await read(s3.url)).toBe(digest);
    });
  }
});

function pattern(bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) body[i] = (i * 31 + (i >> 8) * 7) & 255;
  return body;
}

async function* pieces(body: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < body.length; offset += size) yield body.subarray(offset, offset + size);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
