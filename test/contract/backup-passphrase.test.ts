import {execFile} from 'node:child_process';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {encryptTo} from '../../src/crypto/envelope.js';
import {decryptWith} from '../../src/crypto/private-key.js';
import {passphraseRecipient} from '../../src/crypto/recipients.js';
import {all} from './storage-conformance.js';

const run = promisify(execFile);
const passphrase = 'correct horse battery staple ü';

describe('a passphrase, between GnuPG and this software', () => {
  let folder: string;
  const gpg = (...args: string[]) =>
    run('gpg', ['--homedir', folder, '--batch', '--yes', '--pinentry-mode', 'loopback', ...args], {
      encoding: 'buffer',
      maxBuffer: 64 * 1024 * 1024,
    });
  const seal = async (body: Buffer) => {
    async function* source() {
      yield body;
    }
    const file = join(folder, `${body.length}.pgp`);
    await writeFile(file, encryptTo(passphraseRecipient(passphrase), source()));
    return file;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sb-gpg-'));
    await writeFile(join(folder, 'passphrase'), passphrase, {mode: 0o600});
  });
  afterAll(async () => {
    await run('gpgconf', ['--homedir', folder, '--kill', 'all']).catch(() => {});
    await rm(folder, {recursive: true, force: true});
  });

  test.each([0, 1, 200_000, 3_000_001])('what we encrypt (%d bytes) gpg decrypts', async (bytes) => {
    const body = Buffer.alloc(bytes, 'some plaintext ');
    const {stdout} = await gpg('--passphrase-file', join(folder, 'passphrase'), '--decrypt', await seal(body));
    expect(stdout.equals(body)).toBe(true);
  });

  test('the packets: AES-256 from a salted, iterated passphrase, then data with integrity protection, version 1', async () => {
    const {stdout} = await gpg(
      '--passphrase-file',
      join(folder, 'passphrase'),
      '--list-packets',
      '--verbose',
      await seal(Buffer.from('x')),
    );
    const text = stdout.toString();
    expect(text).toMatch(/symkey enc packet: version 4, cipher 9,.*s2k 3, hash (8|9|10)/);
    const count = Number(/count (\d+)/.exec(text)?.[1]);
    expect(count).toBeGreaterThanOrEqual(1_000_000);
    expect(text).toMatch(/mdc_method: 2/);
    expect(text).not.toMatch(/pubkey enc packet|aead [1-9]/);
  });

  test('what gpg encrypts we decrypt', async () => {
    const body = Buffer.alloc(300_000, 'of theirs');
    await writeFile(join(folder, 'plain'), body);
    const file = join(folder, 'theirs.pgp');
    await gpg(
      '--passphrase-file',
      join(folder, 'passphrase'),
      '--cipher-algo',
      'AES256',
      '-z0',
      '--output',
      file,
      '--symmetric',
      join(folder, 'plain'),
    );
    async function* source() {
      yield await readFile(file);
    }
    expect(Buffer.concat(await all(decryptWith([{passphrase}], source()))).equals(body)).toBe(true);
  });

  test('another passphrase opens nothing, and says so', async () => {
    const file = await seal(Buffer.from('secret rows'));
    for (let i = 0; i < 20; i++) {
      async function* source() {
        yield await readFile(file);
      }
      await expect(all(decryptWith([{passphrase: `${passphrase}${i}`}], source()))).rejects.toMatchObject({
        code: 'PASSPHRASE',
      });
    }
  }, 60_000);

  test('a short one is refused, and not quoted', () => {
    expect(() => passphraseRecipient('hunter2')).toThrow(expect.objectContaining({code: 'RECIPIENTS'}));
    expect(() => passphraseRecipient('hunter2')).not.toThrow(
      expect.objectContaining({message: expect.stringContaining('hunter2')}),
    );
  });
});
