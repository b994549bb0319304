/** A disk in the words of the first PCs. */
export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

/** ATA, "CHS": 16 heads, 63 sectors, and at most 16,383 cylinders, which mean that others count. */
export function geometryOf(size: number): Geometry {
  const cylinders = Math.floor(size / 512 / (16 * 63));
  return { cylinders: Math.max(1, Math.min(cylinders, 16_383)), heads: 16, sectors: 63 };
}

/** Virtual Hard Disk Image Format Specification, "CHS Calculation". */
export function vhdGeometryOf(size: number): Geometry {
  const total = Math.min(size / 512, 65_535 * 16 * 255);
  if (total >= 65_535 * 16 * 63) return geometryIn(total, 16, 255);
  const tracks = Math.floor(total / 17);
  const heads = Math.max(4, Math.ceil(tracks / 1024));
  if (heads <= 16 && tracks < heads * 1024) return geometryIn(total, heads, 17);
  const fewer = Math.floor(total / 31);
  return fewer < 16 * 1024 ? geometryIn(total, 16, 31) : geometryIn(total, 16, 63);
}

function geometryIn(total: number, heads: number, sectors: number): Geometry {
  return { cylinders: Math.floor(Math.floor(total / sectors) / heads), heads, sectors };
}
