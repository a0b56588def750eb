<?php

namespace Psr\Log;

abstract class AbstractLogger implements LoggerInterface
{
}
