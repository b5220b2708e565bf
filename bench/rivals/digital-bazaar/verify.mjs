// Digital Bazaar's libraries as a rival: verifies one credential again and again.
//   node verify.mjs CREDENTIAL.json NOW
// Each input line is a number of milliseconds; the answer is "VERIFIED WALL_NS CPU_NS". A credential that does not verify ends it.
// It runs from the folder where tools/judges/setup.sh installed the libraries, so that they are the versions the tests use.
import * as credentialsContext from '@digitalbazaar/credentials-context';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {createVerifyCryptosuite} from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import jsigs from 'jsonld-signatures';
import * as vc from '@digitalbazaar/vc';
import {createInterface} from 'node:readline';
import {readFileSync} from 'node:fs';

const credential = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const now = new Date(process.argv[3]);

function didKey(url) {
  const [did] = url.split('#');
  const key = did.slice('did:key:'.length);
  const method = {id: `${did}#${key}`, type: 'Multikey', controller: did, publicKeyMultibase: key};
  const context = ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'];
  return url === did ?
    {'@context': context, id: did, verificationMethod: [method], assertionMethod: [method.id]} :
    {'@context': context[1], ...method};
}

// Documents are kept, as a service that verifies for one issuer would keep them.
const kept = new Map();
const documentLoader = jsigs.extendContextLoader(async url => {
  if(!kept.has(url)) {
    const document = credentialsContext.contexts.get(url) ??
      (url.startsWith('did:key:') ? didKey(url) : undefined);
    if(document === undefined) {
      throw new Error(`not loaded: ${url}`);
    }
    kept.set(url, {url, documentUrl: url, document});
  }
  return kept.get(url);
});

const suite = new DataIntegrityProof({cryptosuite: createVerifyCryptosuite()});
const checkStatus = async () => ({verified: true});

for await (const line of createInterface({input: process.stdin})) {
  const slice = BigInt(line) * 1_000_000n;
  const cpu = process.cpuUsage();
  const started = process.hrtime.bigint();
  let verified = 0;
  while(process.hrtime.bigint() - started < slice) {
    const result = await vc.verifyCredential({credential, suite, documentLoader, now, checkStatus});
    if(result.verified !== true) {
      console.error(result.error);
      process.exit(1);
    }
    verified += 1;
  }
  const wall = process.hrtime.bigint() - started;
  const {user, system} = process.cpuUsage(cpu);
  console.log(`${verified} ${wall} ${(user + system) * 1000}`);
}
