use burn::prelude::Device;
#[cfg(feature = "gpu")]
use burn::tensor::DeviceType;

/// A backend that can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// GPUs of NVIDIA.
    Cuda,
    /// GPUs of Apple, with shaders in MSL.
    Metal,
    /// Any GPU with a driver for Vulkan, with shaders in SPIR-V.
    Vulkan,
    /// Any GPU, with shaders in WGSL.
    Wgpu,
    /// The processor.
    Flex,
    /// The processor, by the backend that came before [`Flex`](Self::Flex).
    NdArray,
}

impl Backend {
    /// All backends, best first.
    pub const ALL: [Self; 6] = [Self::Cuda, Self::Metal, Self::Vulkan, Self::Wgpu, Self::Flex, Self::NdArray];

    /// Its name, which is also that of its feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Metal => "metal",
            Self::Vulkan => "vulkan",
            Self::Wgpu => "wgpu",
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
        }
    }

    /// True if it is a part of this program.
    pub fn is_compiled_in(self) -> bool {
        match self {
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Metal => cfg!(feature = "metal"),
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Flex => cfg!(feature = "flex"),
            Self::NdArray => cfg!(feature = "ndarray"),
        }
    }

    /// True if it computes on the processor, in the program's own memory.
    pub fn is_cpu(self) -> bool {
        matches!(self, Self::Flex | Self::NdArray)
    }

    /// Its devices on this machine; none if it is not compiled in. Nothing is opened.
    pub fn devices(self) -> Vec<Device> {
        match self {
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::enumerate(DeviceType::Cuda).into_vec(),
            #[cfg(feature = "metal")]
            Self::Metal => Device::enumerate(DeviceType::Metal).into_vec(),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Device::enumerate(DeviceType::Vulkan).into_vec(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::enumerate(DeviceType::Wgpu).into_vec(),
            #[cfg(feature = "flex")]
            Self::Flex => vec![Device::flex()],
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "whoever asks for it by name gets it")]
            Self::NdArray => vec![Device::ndarray()],
            #[allow(unreachable_patterns, reason = "unless all of them are compiled in")]
            _ => Vec::new(),
        }
    }
}
