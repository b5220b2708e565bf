// Digital Bazaar's libraries as a filter: a JSON array of requests on standard input, a JSON array of answers out.
//   verify: [{credential, now}]                        -> [{verified, error}]
//   issue:  [{seedHex, credential, created}]           -> [signed credential]
// No network: DIDs are did:key, and the only contexts are those the libraries bring along.
import * as credentialsContext from '@digitalbazaar/credentials-context';
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey';
import {createSignCryptosuite, createVerifyCryptosuite} from
  '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import jsigs from 'jsonld-signatures';
import * as vc from '@digitalbazaar/vc';

const CONTEXTS = {
  did: 'https://www.w3.org/ns/did/v1',
  multikey: 'https://w3id.org/security/multikey/v1'
};

function keyOf(did) {
  return did.slice('did:key:'.length);
}

function didDocument(did) {
  const id = `${did}#${keyOf(did)}`;
  return {
    '@context': [CONTEXTS.did, CONTEXTS.multikey],
    id: did,
    verificationMethod: [
      {id, type: 'Multikey', controller: did, publicKeyMultibase: keyOf(did)}
    ],
    assertionMethod: [id],
    authentication: [id]
  };
}

const documentLoader = jsigs.extendContextLoader(async url => {
  if(credentialsContext.contexts.has(url)) {
    return {url, documentUrl: url, document: credentialsContext.contexts.get(url)};
  }
  if(url.startsWith('did:key:')) {
    const [did, fragment] = url.split('#');
    const whole = didDocument(did);
    const document = fragment === undefined ? whole :
      {'@context': CONTEXTS.multikey, ...whole.verificationMethod[0]};
    if(fragment !== undefined && document.id !== url) {
      throw new Error(`${did} has no method ${url}`);
    }
    return {url, documentUrl: url, document};
  }
  throw new Error(`not loaded: ${url}`);
});

async function verify({credential, now}) {
  const suite = new DataIntegrityProof({cryptosuite: createVerifyCryptosuite()});
  const result = await vc.verifyCredential({
    credential, suite, documentLoader, now: new Date(now),
    // Status lists are judged by the caller; the hook is only asked to exist.
    checkStatus: async () => ({verified: true})
  });
  const errors = result.error?.errors ?? (result.error ? [result.error] : []);
  return {verified: result.verified === true, error: errors.map(e => e.message).join('; ')};
}

async function issue({seedHex, credential, created}) {
  const did = credential.issuer.id ?? credential.issuer;
  const key = await Ed25519Multikey.generate({
    seed: Buffer.from(seedHex, 'hex'), controller: did, id: `${did}#${keyOf(did)}`
  });
  const suite = new DataIntegrityProof({
    signer: key.signer(), date: created, cryptosuite: createSignCryptosuite()
  });
  return vc.issue({credential, suite, documentLoader, now: new Date(created)});
}

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

const work = {verify, issue}[process.argv[2]];
if(!work) {
  console.error('usage: node digitalbazaar.mjs verify|issue < requests.json');
  process.exit(2);
}
const answers = [];
for(const request of await readAll(process.stdin)) {
  answers.push(await work(request));
}
process.stdout.write(JSON.stringify(answers));
