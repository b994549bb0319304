/**
 * Short names of SPDX's list of licenses (https://spdx.org/licenses) that packages of distributions bear.
 * What is not here is told by its text, which is never wrong.
 */
export const licenseIds: ReadonlySet<string> = new Set(
  `0BSD AFL-2.0 AFL-2.1 AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 APSL-2.0 Artistic-1.0
   Artistic-1.0-Perl Artistic-2.0 Beerware BlueOak-1.0.0 Boehm-GC BSD-1-Clause BSD-2-Clause
   BSD-2-Clause-Patent BSD-2-Clause-Views BSD-3-Clause BSD-3-Clause-Clear BSD-3-Clause-LBNL
   BSD-3-Clause-Open-MPI BSD-4-Clause BSD-4-Clause-UC BSD-Protection BSD-Source-Code BSL-1.0 bzip2-1.0.6
   CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDDL-1.0 CDDL-1.1 CPL-1.0 curl ECL-2.0
   EFL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 FSFAP FSFUL FSFULLR FSFULLRWD FTL GFDL-1.1-only
   GFDL-1.1-or-later GFDL-1.2-only GFDL-1.2-or-later GFDL-1.3-only GFDL-1.3-or-later
   GFDL-1.3-no-invariants-or-later GPL-1.0-only GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only
   GPL-3.0-or-later HPND HPND-sell-variant IBM-pibs ICU IJG ImageMagick Info-ZIP Inner-Net-2.0 Intel IPL-1.0
   ISC JSON LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later
   Latex2e libpng-2.0 Libpng libtiff LPPL-1.3c MirOS MIT MIT-0 MIT-CMU MIT-Modern-Variant
   mpich2 MPL-1.0 MPL-1.1 MPL-2.0 MPL-2.0-no-copyleft-exception MS-PL MS-RL NAIST-2003 NCSA Net-SNMP
   NIST-PD NPL-1.1 NTP OFL-1.0 OFL-1.1 OLDAP-2.8 OpenSSL PHP-3.0 PHP-3.01 PostgreSQL PSF-2.0 Python-2.0
   Python-2.0.1 Qhull QPL-1.0 RSA-MD Ruby Saxpath SGI-B-2.0 SISSL Sleepycat SMLNJ snprintf
   SSH-OpenSSH SSH-short SunPro TCL TCP-wrappers TMate TU-Berlin-1.0 Unicode-3.0 Unicode-DFS-2015
   Unicode-DFS-2016 Unicode-TOU Unlicense UPL-1.0 Vim W3C W3C-19980720 W3C-20150513 WTFPL X11
   X11-distribute-modifications-variant Xerox XFree86-1.1 xinetd xlock Xnet Zlib zlib-acknowledgement
   ZPL-2.0 ZPL-2.1`.split(/\s+/),
);

/** What may follow a license after WITH (https://spdx.org/licenses/exceptions-index.html). */
export const licenseExceptions: ReadonlySet<string> = new Set(
  `Autoconf-exception-2.0 Autoconf-exception-3.0 Bison-exception-2.2 Classpath-exception-2.0
   Font-exception-2.0 GCC-exception-2.0 GCC-exception-3.1 GNAT-exception Libtool-exception
   Linux-syscall-note LLVM-exception OCaml-LGPL-linking-exception OpenJDK-assembly-exception-1.0
   openvpn-openssl-exception u-boot-exception-2.0 Universal-FOSS-exception-1.0 x11vnc-openssl-exception`.split(
    /\s+/,
  ),
);
