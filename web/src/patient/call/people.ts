interface Present {
  role: string
  name: string
}

/** Who came and who went between two lists; two of one role and name count as two. */
export function changesBetween<One extends Present>(before: readonly One[], after: readonly One[]): { came: One[]; went: One[] } {
  const without = (from: readonly One[], these: readonly One[]): One[] => {
    const left = these.map(key)
    return from.filter((one) => {
      const at = left.indexOf(key(one))
      if (at >= 0) left.splice(at, 1)
      return at < 0
    })
  }
  return { came: without(after, before), went: without(before, after) }
}

const key = ({ role, name }: Present): string => `${role} ${name}`
