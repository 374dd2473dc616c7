import {generateKey} from 'openpgp';

/** A fresh OpenPGP key pair for one rehearsal, in the form that every GnuPG in use reads. */
export interface RehearsalKeys {
  readonly publicKey: string;
  readonly privateKey: string;
}

export async function makeKeys(): Promise<RehearsalKeys> {
  const pair = await generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{name: 'Rehearsal', email: 'rehearsal@switchback.invalid'}],
    format: 'armored',
  });
  return {publicKey: pair.publicKey, privateKey: pair.privateKey};
}
