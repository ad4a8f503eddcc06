/** Shape that a tile should come close to, width over height: between a portrait phone's and a wide camera's. */
const IDEAL = 4 / 3

/**
 * Columns of a grid of `count` tiles in a box of the given size (CSS pixels): the number that shows the largest
 * pictures. Tiles fill their cells; a picture counts for the largest `IDEAL` rectangle its cell holds.
 */
export function gridColumns(count: number, width: number, height: number): number {
  if (count <= 1 || width <= 0 || height <= 0) return 1
  let best = 1
  let bestArea = 0
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns)
    const cellWidth = width / columns
    const cellHeight = height / rows
    const shown = Math.min(cellWidth, cellHeight * IDEAL)
    const area = (shown * shown) / IDEAL
    if (area > bestArea * 1.001) {
      best = columns
      bestArea = area
    }
  }
  return best
}

interface Placed {
  role: string | undefined
}

/** Interpreters first: they have to be seen all the time. The others as they came. */
export const inOrder = <Person extends Placed>(people: readonly Person[]): Person[] =>
  [...people].sort((a, b) => Number(isInterpreter(b)) - Number(isInterpreter(a)))

/** Cells that a grid of these people needs: among three and more, signs take two. */
export const cellsOf = (people: readonly Placed[]): number => people.length + (people.length > 2 ? people.filter(isInterpreter).length : 0)

const isInterpreter = ({ role }: Placed): boolean => role === 'interpreter'
