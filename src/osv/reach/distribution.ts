/** Folders that distributions fill (Filesystem Hierarchy Standard 3.0). */
const top = new Set([
  ...['bin', 'boot', 'dev', 'lib', 'lib32', 'lib64', 'libx32', 'media', 'mnt', 'proc', 'run'],
  ...['sbin', 'sys', 'tmp', 'usr', 'var'],
]);

/** What distributions have in /var; `/var/www` and the like are people's own. */
const inVar = new Set([
  ...['backups', 'cache', 'lib', 'local', 'lock', 'log', 'mail', 'opt', 'run', 'spool', 'tmp'],
]);

/** What is in /etc for programs that never run here. The rest is small, and the app may read it. */
const unusedInEtc =
  /^(?:alternatives|apk|apt|bash\.bashrc|bash_completion\.d|cron.*|debconf\.conf|default|dpkg|gshadow-?|init\.d|issue(?:\.net)?|kernel|ld\.so\..*|logrotate\.d|login\.defs|pam\.conf|pam\.d|passwd-|group-|profile|profile\.d|rc.\.d|rpm|security|selinux|shadow-?|skel|sub[ug]id-?|systemd|terminfo|update-motd\.d|yum.*|dnf|tdnf)$/;

/**
 * Whether a file belongs to the distribution under an app, which reads of it only what is known. `path` is
 * absolute and free of links. /etc, /home, /opt, /root, /srv, /usr/local and folders of other names are
 * the image's own.
 */
export function isDistribution(path: string): boolean {
  const [, first = '', second = ''] = path.split('/', 3);
  if (first === 'etc') return unusedInEtc.test(second);
  if (first === 'var') return second === '' || inVar.has(second);
  if (first === 'usr') return second !== 'local';
  return top.has(first);
}

/**
 * What of the distribution .NET reads, whatever the app: certificates (OpenSSL's folders and the stores of
 * Debian, Alpine, Red Hat), time zones, users, which /etc does not have whole.
 */
export const systemData: readonly string[] = [
  '/usr/lib/os-release',
  '/usr/lib/ssl',
  '/usr/share/ca-certificates',
  '/usr/share/pki',
  '/usr/share/zoneinfo',
];

/** The same zones again, with leap seconds and without: nothing of .NET looks there. */
export const otherTimeZones = /^\/usr\/share\/zoneinfo\/(?:posix|right)\//;
