import type {BackupConfig} from '../config/schema.js';
import {signDetached, unlockPrivateKey} from '../crypto/private-key.js';
import {refusal} from '../kernel/errors.js';

/** Makes the signature of a manifest. */
export type ManifestSigner = (manifest: Buffer) => Promise<string>;

interface SigningInputs {
  readonly 'signing-key'?: string | undefined;
  readonly 'signing-key-passphrase'?: string | undefined;
}

/**
 * The key that signs manifests, so that whoever can write to the store cannot make a set: from the input, else from the
 * variable that the file names. Undefined when neither has one.
 */
export async function findSigner(
  inputs: SigningInputs,
  settings: BackupConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ManifestSigner | undefined> {
  const armored = inputs['signing-key'] ?? env[settings['signing-key-env'] ?? ''];
  if (!armored) return undefined;
  const key = await unlockPrivateKey(armored, inputs['signing-key-passphrase']);
  return (manifest) => signDetached(key, manifest);
}

/** The same, where an unsigned set would be of no use. @throws refusal INPUT when the file asks for signed manifests and there is no key */
export async function openSigner(
  inputs: SigningInputs,
  settings: BackupConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ManifestSigner | undefined> {
  const sign = await findSigner(inputs, settings, env);
  if (sign || !settings['signed-by']?.length) return sign;
  throw refusal('INPUT', 'The inputs were', [
    {
      where: 'input `signing-key`',
      what: 'is missing, and the file asks for signed manifests',
      remedy: 'Pass the signing key, or remove `backup.signed-by`',
    },
  ]);
}
