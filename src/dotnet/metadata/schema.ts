/** Numbers of the metadata tables that are read (ECMA-335, II.22). */
export const table = {
  module: 0x00,
  typeRef: 0x01,
  typeDef: 0x02,
  methodDef: 0x06,
  memberRef: 0x0a,
  customAttribute: 0x0c,
  moduleRef: 0x1a,
  typeSpec: 0x1b,
  implMap: 0x1c,
  assembly: 0x20,
  assemblyRef: 0x23,
} as const;

/** A column: bytes of a number, an index into a heap, a row of a table, or a row of one of several. */
export type Column =
  | 2
  | 4
  | 'string'
  | 'guid'
  | 'blob'
  | { readonly row: number }
  | { readonly coded: readonly number[]; readonly tagBits: number };

const coded = (tagBits: number, ...coded: readonly number[]): Column => ({ coded, tagBits });
const row = (table: number): Column => ({ row: table });

// ECMA-335, II.24.2.6, in the order of their tags; -1 stands for a tag that is not used.
const typeDefOrRef = coded(2, 0x02, 0x01, 0x1b);
const hasConstant = coded(2, 0x04, 0x08, 0x17);
const hasCustomAttribute = coded(
  5,
  ...[0x06, 0x04, 0x01, 0x02, 0x08, 0x09, 0x0a, 0x00, 0x0e, 0x17, 0x14],
  ...[0x11, 0x1a, 0x1b, 0x20, 0x23, 0x26, 0x27, 0x28, 0x2a, 0x2c, 0x2b],
);
const hasFieldMarshal = coded(1, 0x04, 0x08);
const hasDeclSecurity = coded(2, 0x02, 0x06, 0x20);
const memberRefParent = coded(3, 0x02, 0x01, 0x1a, 0x06, 0x1b);
const hasSemantics = coded(1, 0x14, 0x17);
const methodDefOrRef = coded(1, 0x06, 0x0a);
const memberForwarded = coded(1, 0x04, 0x06);
const implementation = coded(2, 0x26, 0x23, 0x27);
const customAttributeType = coded(3, -1, -1, 0x06, 0x0a, -1);
const resolutionScope = coded(2, 0x00, 0x1a, 0x23, 0x01);
const typeOrMethodDef = coded(1, 0x02, 0x06);

/** The columns of every table, by its number: to find one, the size of all before it is needed. */
export const columns: readonly (readonly Column[])[] = [
  /* 00 Module */ [2, 'string', 'guid', 'guid', 'guid'],
  /* 01 TypeRef */ [resolutionScope, 'string', 'string'],
  /* 02 TypeDef */ [4, 'string', 'string', typeDefOrRef, row(0x04), row(0x06)],
  /* 03 FieldPtr */ [row(0x04)],
  /* 04 Field */ [2, 'string', 'blob'],
  /* 05 MethodPtr */ [row(0x06)],
  /* 06 MethodDef */ [4, 2, 2, 'string', 'blob', row(0x08)],
  /* 07 ParamPtr */ [row(0x08)],
  /* 08 Param */ [2, 2, 'string'],
  /* 09 InterfaceImpl */ [row(0x02), typeDefOrRef],
  /* 0a MemberRef */ [memberRefParent, 'string', 'blob'],
  /* 0b Constant */ [2, hasConstant, 'blob'],
  /* 0c CustomAttribute */ [hasCustomAttribute, customAttributeType, 'blob'],
  /* 0d FieldMarshal */ [hasFieldMarshal, 'blob'],
  /* 0e DeclSecurity */ [2, hasDeclSecurity, 'blob'],
  /* 0f ClassLayout */ [2, 4, row(0x02)],
  /* 10 FieldLayout */ [4, row(0x04)],
  /* 11 StandAloneSig */ ['blob'],
  /* 12 EventMap */ [row(0x02), row(0x14)],
  /* 13 EventPtr */ [row(0x14)],
  /* 14 Event */ [2, 'string', typeDefOrRef],
  /* 15 PropertyMap */ [row(0x02), row(0x17)],
  /* 16 PropertyPtr */ [row(0x17)],
  /* 17 Property */ [2, 'string', 'blob'],
  /* 18 MethodSemantics */ [2, row(0x06), hasSemantics],
  /* 19 MethodImpl */ [row(0x02), methodDefOrRef, methodDefOrRef],
  /* 1a ModuleRef */ ['string'],
  /* 1b TypeSpec */ ['blob'],
  /* 1c ImplMap */ [2, memberForwarded, 'string', row(0x1a)],
  /* 1d FieldRVA */ [4, row(0x04)],
  /* 1e EncLog */ [4, 4],
  /* 1f EncMap */ [4],
  /* 20 Assembly */ [4, 2, 2, 2, 2, 4, 'blob', 'string', 'string'],
  /* 21 AssemblyProcessor */ [4],
  /* 22 AssemblyOS */ [4, 4, 4],
  /* 23 AssemblyRef */ [2, 2, 2, 2, 4, 'blob', 'string', 'string', 'blob'],
  /* 24 AssemblyRefProcessor */ [4, row(0x23)],
  /* 25 AssemblyRefOS */ [4, 4, 4, row(0x23)],
  /* 26 File */ [4, 'string', 'blob'],
  /* 27 ExportedType */ [4, 4, 'string', 'string', implementation],
  /* 28 ManifestResource */ [4, 4, 'string', implementation],
  /* 29 NestedClass */ [row(0x02), row(0x02)],
  /* 2a GenericParam */ [2, 2, typeOrMethodDef, 'string'],
  /* 2b MethodSpec */ [methodDefOrRef, 'blob'],
  /* 2c GenericParamConstraint */ [row(0x2a), typeDefOrRef],
];
