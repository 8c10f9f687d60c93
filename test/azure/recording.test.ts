import { expect, test } from 'vitest';
import { FAMILIES, readCases, writeCases } from '../explain/outcome-files.ts';
import { RECORDABLE, record } from './recording.ts';

/** `RECORD_OUTCOMES=yes npx vitest run --project unit test/azure/recording.test.ts` writes test/explain/outcomes/ anew. */
const WRITES = process.env['RECORD_OUTCOMES'] === 'yes';

/** One of each credential and place. The others take minutes, and a new SDK would change these, too. */
const SAMPLE = [
  'a federated credential for another subject',
  'a client secret that has expired',
  'a certificate that is not registered',
  'an identity binding without its ClusterRole',
  'NMI without an identity for the pod',
  'several identities on the node',
  'no az on a laptop',
  'an az that is not logged in',
  'a chosen developer tool without a login',
  'an identity endpoint of the host without such an identity',
  'no DNS for Resource Manager',
  'no role on the subscription',
  'a token of another tenant',
  'a Resource Manager that answers nonsense',
];

/** The parts of what must not be in any outcome; the claims that Resource Manager demands look like a token, but have no signature. */
const SECRETS =
  /made-up-signature|made-up-password|made-up(~|%7E|%7e)client\.secret|made-up-cookie|eyJ[\w-]{10,}\.[\w-]+\./;

test.skipIf(WRITES)('the sample is recordable', () => {
  expect(RECORDABLE.map(({ about }) => about.case)).toEqual(expect.arrayContaining(SAMPLE));
});

test.skipIf(WRITES).each(RECORDABLE.filter(({ about }) => SAMPLE.includes(about.case)))(
  'the SDK still has the recorded outcome of $about.case',
  async (recordable) => {
    const recorded = readCases(recordable.family).find((each) => each.case === recordable.about.case);
    expect(await record(recordable)).toEqual(recorded?.outcome);
  },
);

test.skipIf(WRITES)('no outcome has a secret', () => {
  for (const family of FAMILIES) expect(JSON.stringify(readCases(family))).not.toMatch(SECRETS);
});

test.skipIf(WRITES)('every recordable case is recorded, as it is described', () => {
  for (const family of FAMILIES) {
    const recordable = RECORDABLE.filter((each) => each.family === family);
    if (recordable.length === 0) continue;
    expect(readCases(family).map(({ outcome: _, ...about }) => about)).toEqual(recordable.map(({ about }) => about));
  }
});

/** All of them, or those that RECORD_CASES matches; the others of their file stay as they are. */
const WANTED = new RegExp(process.env['RECORD_CASES'] ?? '');
const isWanted = ({ about }: (typeof RECORDABLE)[number]) => WANTED.test(about.case);

test
  .runIf(WRITES)
  .each(FAMILIES.filter((family) => RECORDABLE.some((each) => each.family === family && isWanted(each))))(
  'records %s',
  { timeout: 1_200_000 },
  async (family) => {
    const known = readCases(family);
    const cases = [];
    for (const recordable of RECORDABLE.filter((each) => each.family === family)) {
      const { about } = recordable;
      const before = known.find((each) => each.case === about.case);
      cases.push({ ...about, outcome: before && !isWanted(recordable) ? before.outcome : await record(recordable) });
    }
    writeCases(family, cases);
  },
);
