/** The screen that is shown: whatever takes its place moves the focus to its heading. */
export const shown: { screen: string | undefined } = { screen: undefined }
