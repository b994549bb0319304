import type { Evidence, Finding } from './finding.ts';
import { type RuleID, ruleTitles } from './rules.ts';

/** What a SARIF log is about. */
export interface SarifSubject {
  /** Name of the image: artifacts are named `REF!/path`. */
  readonly reference: string;
  readonly digest: string;
  readonly tool: { readonly name: string; readonly version: string };
}

/**
 * The findings as a log of the Static Analysis Results Interchange Format (OASIS SARIF 2.1.0). Files lie in
 * an image, where no checkout has them: their addresses are the image's name, `!` and the path in it.
 */
export function sarifOf(
  { reference, digest, tool }: SarifSubject,
  findings: readonly Finding[],
): object {
  const rules = [...new Map(findings.map((finding) => [finding.rule, finding])).values()];
  const indexes = new Map(rules.map(({ rule }, index) => [rule, index]));
  return {
    $schema:
      'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { ...tool, rules: rules.map(descriptorOf) } },
        columnKind: 'utf16CodeUnits',
        properties: { imageName: wellFormed(reference), imageDigest: digest },
        results: findings.map((finding) => ({
          ruleId: finding.rule,
          ruleIndex: indexes.get(finding.rule),
          level: finding.severity,
          message: { text: messageOf(finding) },
          locations: [locationOf(reference, finding.evidence)],
          ...relatedOf(reference, finding.evidence),
        })),
      },
    ],
  };
}

/** SARIF 2.1.0, 3.49. */
function descriptorOf({ rule, severity, consequence, fix }: Finding): object {
  return {
    id: rule,
    name: nameOf(rule),
    shortDescription: { text: `${ruleTitles[rule]}.` },
    fullDescription: { text: sentence(consequence) },
    help: { text: `On OSv: ${sentence(consequence)}\nTo change: ${sentence(fix)}` },
    defaultConfiguration: { level: severity },
  };
}

/** `process-start` as `ProcessStart`: names are identifiers, ids need not be. */
function nameOf(rule: RuleID): string {
  return rule.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function messageOf({ evidence, consequence, fix }: Finding): string {
  return `${wellFormed(evidence.found)}: ${sentence(consequence)} To change: ${sentence(fix)}`;
}

function sentence(text: string): string {
  return wellFormed(/[.!?]$/.test(text) ? text : `${text}.`);
}

/** Names that are not UTF-8 carry halves of surrogate pairs, at which some readers of JSON refuse the log. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** SARIF 2.1.0, 3.28. What comes from the image's config is placed at the image itself. */
function locationOf(reference: string, { file, found }: Evidence): object {
  return {
    physicalLocation: {
      artifactLocation: { uri: uriOf(file === undefined ? reference : `${reference}!${file}`) },
      // Viewers show no result without one.
      region: { startLine: 1 },
    },
    logicalLocations: [{ fullyQualifiedName: wellFormed(found) }],
  };
}

/** SARIF 2.1.0, 3.27.22: the other files of the same finding. */
function relatedOf(reference: string, { found, alsoIn = [] }: Evidence): object {
  if (alsoIn.length === 0) return {};
  return { relatedLocations: alsoIn.map((file) => locationOf(reference, { file, found })) };
}

/** A relative reference (RFC 3986, 4.2), in which no `:` looks like the end of a scheme. */
function uriOf(path: string): string {
  return wellFormed(path).split('/').map(encodeURIComponent).join('/');
}
