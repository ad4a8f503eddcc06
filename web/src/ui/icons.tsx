import type { ReactNode } from 'react'
import { paths } from './paths'

export function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  )
}

export const Logo = () => (
  <svg className="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect className="logo-plate" width="32" height="32" rx="9" />
    <path className="logo-shade" d="M11 7h10l4 9H7z" />
    <path className="logo-foot" d="M16 16v7m-5 2h10" />
  </svg>
)
const slash = <path d="M4 4l16 16" />
const microphone = <path d="M12 3.5a3 3 0 0 1 3 3V11a3 3 0 0 1-6 0V6.5a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21" />
const camera = <path d="M4.5 6.5h9a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zM15.5 10.5l6-3v9l-6-3" />
export const MicrophoneIcon = ({ off = false }: { off?: boolean }) => <Icon>{microphone}{off && slash}</Icon>
export const CameraIcon = ({ off = false }: { off?: boolean }) => <Icon>{camera}{off && slash}</Icon>
export const ScreenIcon = () => (
  <Icon><path d="M4 4.5h16a1.5 1.5 0 0 1 1.5 1.5v9.5A1.5 1.5 0 0 1 20 17H4a1.5 1.5 0 0 1-1.5-1.5V6A1.5 1.5 0 0 1 4 4.5zM8.5 20.5h7M12 13.5v-6m-2.5 2.5L12 7.5l2.5 2.5" /></Icon>
)
export const CaptionsIcon = () => <Icon><path d="M4 5.500h16A1.500 1.500 0 0 1 21.500 7v10a1.500 1.500 0 0 1-1.500 1.500H4A1.500 1.500 0 0 1 2.500 17V7A1.500 1.500 0 0 1 4 5.500zM6 14.500h5.500M14 14.500h4M6 11h2.500M11 11h7" /></Icon>
export const FileIcon = () => <Icon><path d={paths.file} /></Icon>
export const LeaveIcon = () => (
  <Icon><path d="M3 14.5c0-3.5 4-6 9-6s9 2.5 9 6c0 1-.6 1.800-1.600 1.700l-2.700-.4c-.8-.1-1.400-.8-1.400-1.600v-1.5a12 12 0 0 0-6.600 0v1.5c0 .8-.6 1.5-1.400 1.600l-2.700.4c-1 .1-1.600-.7-1.600-1.700z" /></Icon>
)
export const CloseIcon = () => <Icon><path d={paths.close} /></Icon>
export const SaveIcon = () => <Icon><path d="M12 4v11m-4.5-4.5L12 15l4.5-4.5M4.5 19.5h15" /></Icon>
export const PictureIcon = () => <Icon><path d="M5 5.5h14A1.5 1.500 0 0 1 20.500 7v10a1.500 1.500 0 0 1-1.500 1.500H5A1.500 1.500 0 0 1 3.500 17V7A1.500 1.500 0 0 1 5 5.500zM3.500 16l5-5 4 4 3-3 5 5M15.500 8.800v.2" /></Icon>
export const MoreIcon = () => <Icon><path d="M5.500 12h.01M12 12h.01M18.500 12h.01" strokeWidth="3" /></Icon>
export const CardIcon = () => <Icon><path d="M4 5.500h16A1.500 1.500 0 0 1 21.500 7v10a1.500 1.500 0 0 1-1.500 1.500H4A1.500 1.500 0 0 1 2.500 17V7A1.500 1.500 0 0 1 4 5.500zM2.500 10h19M6 15h4" /></Icon>
export const EyeIcon = () => <Icon><path d="M2.500 12C5 7.500 8.200 5.500 12 5.500s7 2 9.500 6.500c-2.500 4.500-5.700 6.500-9.500 6.500S5 16.500 2.500 12zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z" /></Icon>
export const LockIcon = () => <Icon><path d={paths.lock} /></Icon>
export const SendIcon = () => <Icon><path d="M12 20V6m-5 5l5-5 5 5M4.5 3.5h15" /></Icon>
export const SoundIcon = () => <Icon><path d="M4 9.5v5h3.5L12 19V5L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11" /></Icon>
export const PersonIcon = () => <Icon><path d="M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4.5 20.5c0-4 3.5-6 7.5-6s7.5 2 7.5 6" /></Icon>
export const HelpIcon = () => <Icon><path d={paths.help} /></Icon>
export const InfoIcon = () => <Icon><path d={paths.info} /></Icon>
export const AlertIcon = () => <Icon><path d={paths.alert} /></Icon>
export const CheckIcon = () => <Icon><path d={paths.check} /></Icon>
export const TurnIcon = () => <Icon><path d="M20 11.500a8 8 0 0 0-14-4.800L3.500 9M3.500 4v5h5M4 12.500a8 8 0 0 0 14 4.800l2.500-2.300M20.500 20v-5h-5" /></Icon>
export const PhoneIcon = () => <Icon><path d={paths.phone} /></Icon>
export const CalendarIcon = () => <Icon><path d={paths.calendar} /></Icon>
export const CopyIcon = () => <Icon><path d={paths.copy} /></Icon>
export const ArrowIcon = () => <Icon><path d={paths.arrow} /></Icon>
export const RetryIcon = () => <Icon><path d={paths.retry} /></Icon>
